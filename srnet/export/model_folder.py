"""A model as one folder: its files, and how they are verified and loaded.

The weights are safetensors, the rest is JSON and text, and `manifest.json` lists every file
with its SHA-256. A folder with a missing, changed or unlisted file is refused, and so is
anything that could be a pickle, which may run code when it is loaded.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from srnet.config.base import Settings
from srnet.core.atomic import write_text
from srnet.core.digest import file_digest
from srnet.core.errors import SrnetError
from srnet.export.xray_statistics import XrayStatistics
from srnet.imaging.geometry import ConeBeam

if TYPE_CHECKING:
    from srnet.train.checkpoint import LoadedModel

MANIFEST = "manifest.json"
MODEL_FILES = (
    "model.safetensors",
    "model.json",
    "cohort.json",
    "metrics.json",
    "statistics.json",
    "LICENCES.md",
    "README.md",
    MANIFEST,
)
"""Every file of a model folder."""
FORMAT = "srnet model folder 1"
_PICKLED = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04", b"cos\n", b"cposix")
_PICKLE_NAMES = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".joblib", ".npy", ".npz")


class Reference(Settings):
    """How well the model's reconstructions of its test set fit their x-rays."""

    scans: int = Field(ge=0, description="test scans that were reprojected")
    correlation_p05: dict[str, float] = Field(description="5th percentile by view")
    correlation_median: dict[str, float] = Field(description="median by view")


@dataclass(frozen=True)
class ModelFolder:
    """A verified model, ready for films.

    Attributes
    ----------
    loaded
        The network in evaluation mode, and its card.
    method
        Name of the method in its run.
    beam
        Geometry of the x-rays that it was trained on.
    statistics
        Statistics of its training x-rays.
    reference
        How well its reconstructions of the test set fit their x-rays.
    sha256
        Digest of the manifest, and with it of the whole folder.
    """

    loaded: "LoadedModel"
    method: str
    beam: ConeBeam
    statistics: XrayStatistics
    reference: Reference
    sha256: str

    @property
    def size(self) -> int:
        """Return the pixels or voxels along an edge of its x-rays and volumes."""
        return self.loaded.card.size


def open_model(folder: str | Path) -> ModelFolder:
    """Verify a model folder and build its network.

    Raises
    ------
    SrnetError
        If the folder is no model folder, does not fit this version, or is refused by
        `verify_folder`.
    """
    from srnet.train.checkpoint import load_model

    folder = Path(folder)
    verify_folder(folder)
    about = _read_json(folder / "model.json")
    return ModelFolder(
        loaded=load_model(folder / "model.safetensors"),
        method=about["method"],
        beam=ConeBeam(about["source_to_isocentre_mm"]),
        statistics=XrayStatistics.parse(_read_json(folder / "statistics.json")),
        reference=Reference.parse(_read_json(folder / "metrics.json")["reprojection"]),
        sha256=file_digest(folder / MANIFEST),
    )


def write_manifest(folder: Path) -> None:
    """List every file of a folder with its size and SHA-256."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": file_digest(path)}
        for path in sorted(folder.iterdir())
    }
    text = json.dumps({"format": FORMAT, "files": files}, indent=2, sort_keys=True)
    write_text(folder / MANIFEST, text + "\n")


def verify_folder(folder: Path) -> None:
    """Refuse a folder whose files are not exactly those of its manifest, or hold a pickle.

    Raises
    ------
    SrnetError
        Naming the first file that is wrong, and how.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise SrnetError(
            f"{folder}: holds no {MANIFEST}, so it is no model folder; make one with srnet export"
        )
    about = _read_json(manifest)
    if about.get("format") != FORMAT:
        raise SrnetError(
            f"{manifest}: has format {about.get('format')!r}, not {FORMAT!r}; "
            "export the model with this version"
        )
    listed = {name: entry["sha256"] for name, entry in about["files"].items()}
    for path in sorted(folder.iterdir()):
        _refuse_pickle(path)
        if path.name not in listed and path.name != MANIFEST:
            raise SrnetError(f"{path}: is not listed in {MANIFEST}; remove it or export again")
    for name, digest in listed.items():
        path = folder / name
        if not path.is_file():
            raise SrnetError(f"{path}: is missing; copy the whole model folder again")
        found = file_digest(path)
        if found != digest:
            raise SrnetError(
                f"{path}: has SHA-256 {found[:12]}..., not {digest[:12]}... as {MANIFEST} says; "
                "copy the model folder again, and do not edit it"
            )


def _refuse_pickle(path: Path) -> None:
    """Refuse a file that may be a pickle by its name or by its first bytes."""
    head = b""
    if path.is_file():
        with path.open("rb") as handle:
            head = handle.read(8)
    if path.suffix.lower() in _PICKLE_NAMES or head.startswith(_PICKLED):
        raise SrnetError(
            f"{path}: may be a pickle, which can run code when it is loaded; "
            "model folders hold safetensors, JSON and text only: export the model again"
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise SrnetError(
            f"{path}: cannot be read as JSON ({failure}); copy the model folder again"
        ) from None
    if not isinstance(content, dict):
        raise SrnetError(f"{path}: holds {type(content).__name__}, not an object; copy it again")
    return content
