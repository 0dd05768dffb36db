"""Score one volume file against another, outside any run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srnet.config.evaluate import LPIPS_FETCHED, EvaluateSettings
from srnet.core.errors import SrnetError
from srnet.evaluate.metrics import CONVENTIONS, FULL_SCALE, paper_scores, strict_scores
from srnet.imaging.formats import import_image
from srnet.imaging.volume import Grid, canonical

_ISOTROPIC = (1.0, 1.0, 1.0)
_TOLERANCE = 0.1
"""Voxels by which two grids may lie apart: what a file's header may round."""
_TRUTH_RANGE = (-0.3, 3.0)
_PREDICTION_RANGE = (-0.3, 20.0)
"""Outside it values are surely in HU, stored values or shades of grey; inside, scored as
they are. A network may leave [0, 1], a truth hardly."""


@dataclass(frozen=True)
class NetworkVolume:
    """Network values (D, H, W) float32, and where they lie if the file tells it."""

    array: NDArray[np.float32]
    grid: Grid | None


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
    if 0 < volume.array.max() <= 1:
        raise SrnetError(
            f"{path}: its greatest value is {volume.array.max():g}; images hold stored values, "
            "0..2500: multiply by 2500, or give network values, 0..1, as .npy arrays"
        )
    return NetworkVolume((volume.array / FULL_SCALE).astype(np.float32), volume.grid)


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
        Voxel size of `.npy` arrays along their axes, 1 mm if unset; images have their own.
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
        If the volumes do not fit each other, or one is on another scale.
    """
    settings = settings or EvaluateSettings()
    first, second = read_network_volume(truth), read_network_volume(prediction)
    _check_fit(first, second, truth, prediction)
    _check_scale(first.array, truth, _TRUTH_RANGE)
    _check_scale(second.array, prediction, _PREDICTION_RANGE)
    spacing = _spacing(first.grid, spacing_mm)
    pair = first.array, second.array
    scores: dict[str, float] = {}
    if paper_scores in CONVENTIONS[convention]:
        scores |= paper_scores(*pair)
        if settings.lpips_files:
            scores["LPIPS"] = _lpips(pair, settings.lpips_files[0])
    if strict_scores in CONVENTIONS[convention]:
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
    if (first.grid is None) != (second.grid is None):
        raise SrnetError(
            f"{truth} and {prediction}: an array has no orientation to match an image's; "
            "give two .npy files or two images"
        )
    if first.grid is None or second.grid is None:
        return
    if first.grid.shape == second.grid.shape and not _coincide(first.grid, second.grid):
        raise SrnetError(
            f"{truth} and {prediction} lie apart: voxels of {_mm(first.grid.spacing_mm)} from "
            f"{_mm(first.grid.origin_mm)}, and of {_mm(second.grid.spacing_mm)} from "
            f"{_mm(second.grid.origin_mm)}; resample one onto the other's grid"
        )


def _coincide(first: Grid, second: Grid) -> bool:
    """Tell whether the outermost voxels of two grids of one shape lie at the same places."""
    corners = np.array([[0, 0, 0, 1], [*(n - 1 for n in first.shape), 1]]).T
    apart = np.abs((first.affine - second.affine) @ corners)
    return bool(apart.max() < _TOLERANCE * min(first.spacing_mm))


def _mm(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ") mm"


def _spacing(
    grid: Grid | None, given: tuple[float, float, float] | None
) -> tuple[float, float, float]:
    """Return the voxel size of images, or that given for arrays."""
    if grid is None:
        spacing = given or _ISOTROPIC
        if not all(0 < edge < np.inf for edge in spacing):
            raise SrnetError(f"a voxel of {_mm(spacing)} is none; give three positive lengths")
        return spacing
    if given is not None:
        raise SrnetError("images have their own voxel size; leave out --spacing-mm")
    return grid.spacing_mm


def _check_scale(
    values: NDArray[np.float32], path: str | Path, accepted: tuple[float, float]
) -> None:
    low, high = float(values.min()), float(values.max())
    if low < accepted[0] or high > accepted[1]:
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
