"""A model as one folder: its files, and how they are verified and loaded.

The weights are safetensors, the rest is JSON and text, and `manifest.json` lists every file
with its SHA-256. A folder with a missing, changed or unlisted file is refused, and so is
anything that could be a pickle, which may run code when it is loaded.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field, field_validator

from srnet.config.base import Settings
from srnet.core.atomic import write_text
from srnet.core.digest import file_digest
from srnet.core.errors import SrnetError
from srnet.core.rejection import is_shortage
from srnet.export.xray_statistics import XrayStatistics
from srnet.imaging.geometry import ConeBeam, View

if TYPE_CHECKING:
    from srnet.train.checkpoint import LoadedModel

_Kind = TypeVar("_Kind", bound=Settings)
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

    @field_validator("correlation_p05", "correlation_median")
    @classmethod
    def _check_views(cls, value: dict[str, float]) -> dict[str, float]:
        if value and set(value) != {view.value for view in View}:
            raise ValueError("must hold a number for each of the views ap and lateral")
        return value


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
    folder = Path(folder)
    try:
        verify_folder(folder)
        return _build(folder)
    except SrnetError:
        raise
    except Exception as failure:
        if is_shortage(failure) and not isinstance(failure, PermissionError):
            raise
        reason = getattr(failure, "strerror", None) or f"{type(failure).__name__}: {failure}"
        raise SrnetError(
            f"{folder}: is no model folder that this version can read ({_line(reason)}); copy it "
            "again, or export the model with this version"
        ) from None


def _build(folder: Path) -> ModelFolder:
    """Return the model of a verified folder whose files agree with each other."""
    from srnet.train.checkpoint import load_model

    about = _read_json(folder / "model.json")
    statistics = _parsed(XrayStatistics, folder / "statistics.json")
    reference = _parsed(Reference, folder / "metrics.json", "reprojection")
    loaded = load_model(folder / "model.safetensors")
    size, method = loaded.card.size, about.get("method")
    if about.get("size") != size or not isinstance(method, str):
        raise SrnetError(
            f"{folder / 'model.json'}: does not describe the model of {size} voxels a side that "
            "model.safetensors holds; export the model again"
        )
    if statistics.size != size:
        raise SrnetError(
            f"{folder / 'statistics.json'}: is of x-rays of {statistics.size} pixels a side, and "
            f"the model takes {size}; export the model again"
        )
    return ModelFolder(
        loaded=loaded,
        method=method,
        beam=ConeBeam(loaded.card.source_to_isocentre_mm),
        statistics=statistics,
        reference=reference,
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
    files = sorted(folder.iterdir())
    for path in files:
        _refuse_pickle(path)
    listed = _listed(manifest, about.get("files"))
    for path in files:
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


def _listed(manifest: Path, files: Any) -> dict[str, str]:
    """Return the digest of each file that the manifest lists."""
    if not isinstance(files, dict) or set(files) != {*MODEL_FILES} - {MANIFEST}:
        raise SrnetError(
            f"{manifest}: does not list exactly the files of a model folder; copy the folder "
            "again, or export the model with this version"
        )
    for name, entry in files.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("sha256"), str):
            raise SrnetError(f"{manifest}: states no SHA-256 of {name}; copy the folder again")
    return {name: entry["sha256"] for name, entry in files.items()}


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


def _parsed(kind: type[_Kind], path: Path, key: str | None = None) -> _Kind:
    content = _read_json(path)
    try:
        return kind.parse(content if key is None else content.get(key) or {})
    except (SrnetError, TypeError, ValueError) as failure:
        reason = _line(str(failure).removeprefix("configuration: "))
        raise SrnetError(f"{path}: {reason}; export the model again") from None


def _line(text: str) -> str:
    """Return the begin of a text on one line."""
    return " ".join(text.split())[:300]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as failure:
        raise SrnetError(
            f"{path}: cannot be read as JSON ({failure}); copy the model folder again"
        ) from None
    if not isinstance(content, dict):
        raise SrnetError(f"{path}: holds {type(content).__name__}, not an object; copy it again")
    return content
