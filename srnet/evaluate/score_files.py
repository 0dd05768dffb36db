"""Score one volume file against another, outside any run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srnet.config.evaluate import LPIPS_FETCHED, EvaluateSettings
from srnet.errors import SrnetError
from srnet.evaluate.metrics import CONVENTIONS, FULL_SCALE, paper_scores, strict_scores
from srnet.volume import canonical, import_image

__all__ = ["NetworkVolume", "read_network_volume", "score_files"]

_ISOTROPIC = (1.0, 1.0, 1.0)
_SPACING_TOLERANCE = 1e-3
_TRUTH_RANGE = (-0.3, 3.0)
"""Outside it a truth is surely in HU or in stored values; inside, scored as it is."""


@dataclass(frozen=True)
class NetworkVolume:
    """Network values (D, H, W) float32, and the voxel size where the file tells it."""

    array: NDArray[np.float32]
    spacing_mm: tuple[float, float, float] | None


def read_network_volume(path: str | Path) -> NetworkVolume:
    """Read network values from a file.

    Parameters
    ----------
    path
        A `.npy` array of network values, or an image (NIfTI, NRRD, MHA) of
        stored values, 0..2500, in any orientation.

    Raises
    ------
    SrnetError
        If there is no such file, or it holds no 3-D volume of numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise SrnetError(f"there is no file {path}; give a .npy array or a NIfTI image")
    if path.suffix == ".npy":
        return NetworkVolume(_read_npy(path), None)
    image = import_image(path)
    if image.array.ndim != 3:
        raise SrnetError(f"{path}: has shape {image.array.shape}; a volume has three axes")
    volume = canonical(image)
    return NetworkVolume((volume.array / FULL_SCALE).astype(np.float32), volume.grid.spacing_mm)


def score_files(
    truth: str | Path,
    prediction: str | Path,
    convention: str = "both",
    spacing_mm: tuple[float, float, float] | None = None,
    settings: EvaluateSettings | None = None,
) -> dict[str, float]:
    """Score one file against another.

    Parameters
    ----------
    truth, prediction
        Two `.npy` arrays, or two images on one grid; see `read_network_volume`.
    convention
        "paper", "strict" or "both".
    spacing_mm
        Voxel size of `.npy` arrays along their axes, 1 mm if unset.
    settings
        What counts as bone, and the weights for LPIPS, which the paper's
        convention has only with them.

    Returns
    -------
    dict
        Scores by the names of the tables' columns; NaN where one is undefined.

    Raises
    ------
    SrnetError
        If the volumes do not fit each other, or the truth is on another scale.
    """
    settings = settings or EvaluateSettings()
    first, second = read_network_volume(truth), read_network_volume(prediction)
    _check_fit(first, second, truth, prediction)
    _check_scale(first.array, truth)
    pair = first.array, second.array
    scores: dict[str, float] = {}
    if paper_scores in CONVENTIONS[convention]:
        scores |= paper_scores(*pair)
        if settings.lpips_files:
            scores["LPIPS"] = _lpips(pair, settings.lpips_files[0])
    if strict_scores in CONVENTIONS[convention]:
        spacing = first.spacing_mm or spacing_mm or _ISOTROPIC
        scores |= strict_scores(*pair, spacing, settings.bone_threshold)
    return scores


def _read_npy(path: Path) -> NDArray[np.float32]:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as failure:
        raise SrnetError(f"{path}: cannot be read as an array ({failure})") from None
    if array.ndim != 3 or array.dtype.kind not in "fiub":
        raise SrnetError(
            f"{path}: has shape {array.shape} and type {array.dtype}; give 3-D network values"
        )
    return np.asarray(array, dtype=np.float32)


def _check_fit(
    first: NetworkVolume, second: NetworkVolume, truth: str | Path, prediction: str | Path
) -> None:
    if (first.spacing_mm is None) != (second.spacing_mm is None):
        raise SrnetError(
            f"{truth} and {prediction}: an array has no orientation to match an image's; "
            "give two .npy files or two images"
        )
    if first.spacing_mm is None or second.spacing_mm is None:
        return
    if not np.allclose(first.spacing_mm, second.spacing_mm, atol=_SPACING_TOLERANCE):
        raise SrnetError(
            f"{truth} has voxels of {first.spacing_mm} mm, {prediction} of "
            f"{second.spacing_mm} mm; resample one onto the other's grid"
        )


def _check_scale(truth: NDArray[np.float32], path: str | Path) -> None:
    low, high = float(truth.min()), float(truth.max())
    if low < _TRUTH_RANGE[0] or high > _TRUTH_RANGE[1]:
        raise SrnetError(
            f"{path}: network values run from {low:g} to {high:g} instead of 0 to 1; .npy arrays "
            "hold clip(HU + 1024, 0, 2500) / 2500 in bone, images the same without the division"
        )


def _lpips(pair: tuple[NDArray[np.float32], NDArray[np.float32]], weights: str) -> float:
    if weights == LPIPS_FETCHED and not Path(weights).is_file():
        raise SrnetError(
            f"LPIPS weights are not at {weights}; let the workflow make that file, or name another"
        )
    # Only here is torch needed.
    from srnet.evaluate.perceptual import Perceptual

    return Perceptual(weights).volumes(*pair)
