"""Score one volume file against another, outside any run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srnet.config.evaluate import EvaluateSettings
from srnet.core.errors import SrnetError
from srnet.core.rejection import is_shortage
from srnet.evaluate.evaluate import load_lpips
from srnet.evaluate.metrics import CONVENTIONS, ScoredPair, score_pair
from srnet.imaging.formats import import_image
from srnet.imaging.target import HU_OFFSET, TARGET_MAX
from srnet.imaging.volume import Grid, canonical

_TOLERANCE = 0.1
"""Voxels by which two grids may lie apart: what a file's header may round."""
_TARGET_RANGE = (-0.3, 3.0)
_PREDICTION_RANGE = (-0.3, 20.0)
"""Outside it values are surely in HU, stored values or shades of grey; inside, scored as
they are. A network may leave [0, 1], a target hardly."""


def read_network_volume(path: str | Path) -> tuple[NDArray[np.float32], Grid | None]:
    """Read network values (D, H, W) from a file, and where they lie if it tells that.

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
        return _read_npy(path), None
    image = import_image(path)
    if image.array.ndim != 3:
        raise SrnetError(f"{path}: has shape {image.array.shape}; a volume has three axes")
    volume = canonical(image)
    if 0 < volume.array.max() <= 1:
        raise SrnetError(
            f"{path}: its greatest value is {volume.array.max():g}; images hold stored values, "
            f"0..{TARGET_MAX}: multiply by {TARGET_MAX}, or give network values, 0..1, as .npy "
            "arrays"
        )
    return (volume.array / TARGET_MAX).astype(np.float32), volume.grid


def _read_npy(path: Path) -> NDArray[np.float32]:
    try:
        # Mapped, so that a header cannot claim more memory than the file holds.
        array = np.lib.format.open_memmap(path, mode="r")
        claimed = array.offset + array.nbytes
    except Exception as failure:  # Damaged headers raise nearly any error.
        if is_shortage(failure) and not isinstance(failure, PermissionError):
            raise
        raise SrnetError(f"{path}: cannot be read as an array ({failure})") from None
    if claimed != path.stat().st_size:
        raise SrnetError(
            f"{path}: holds {path.stat().st_size} bytes, and its header {claimed}; write it again"
        )
    if array.ndim != 3 or not array.size or array.dtype.kind not in "fiub":
        raise SrnetError(
            f"{path}: has shape {array.shape} and type {array.dtype}; give 3-D network values"
        )
    if not np.isfinite(array).all():
        raise SrnetError(f"{path}: holds values that are no numbers; write it again without them")
    return np.array(array, dtype=np.float32)


def score_files(
    target: str | Path,
    prediction: str | Path,
    convention: str = "both",
    spacing_mm: tuple[float, float, float] | None = None,
    settings: EvaluateSettings | None = None,
) -> dict[str, float]:
    """Score one file against another.

    Parameters
    ----------
    target, prediction
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
    (first, grid), (second, other_grid) = map(read_network_volume, (target, prediction))
    _check_grids(grid, other_grid, f"{target} and {prediction}")
    _check_scale(first, target, _TARGET_RANGE)
    _check_scale(second, prediction, _PREDICTION_RANGE)
    spacing = _spacing(grid, spacing_mm)
    lpips = None if convention == "strict" else load_lpips(settings)
    pair = ScoredPair(first, second, spacing, settings.bone_threshold, lpips=lpips)
    return score_pair(pair, CONVENTIONS[convention])


def _check_grids(first: Grid | None, second: Grid | None, files: str) -> None:
    """Refuse an array beside an image, and images whose outermost voxels lie apart."""
    if (first is None) != (second is None):
        raise SrnetError(
            f"{files}: an array has no orientation to match an image's; "
            "give two .npy files or two images"
        )
    if first is None or second is None or first.shape != second.shape:
        return
    corners = np.array([[0, 0, 0, 1], [*(n - 1 for n in first.shape), 1]]).T
    apart = np.abs((first.affine - second.affine) @ corners)
    if not apart.max() < _TOLERANCE * min(first.spacing_mm):
        raise SrnetError(
            f"{files} lie apart: voxels of {_mm(first.spacing_mm)} from {_mm(first.origin_mm)}, "
            f"and of {_mm(second.spacing_mm)} from {_mm(second.origin_mm)}; "
            "resample one onto the other's grid"
        )


def _mm(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ") mm"


def _spacing(
    grid: Grid | None, given: tuple[float, float, float] | None
) -> tuple[float, float, float]:
    """Return the voxel size of images, or that given for arrays."""
    if grid is None:
        spacing = given or (1.0, 1.0, 1.0)
        if not all(0 < edge < np.inf for edge in spacing):
            raise SrnetError(f"voxel size {_mm(spacing)}: give three positive lengths")
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
            f"{path}: network values run from {low:g} to {high:g} instead of 0 to 1; in bone "
            f".npy arrays hold clip(HU + {HU_OFFSET}, 0, {TARGET_MAX}) / {TARGET_MAX}, images the "
            "same without the division"
        )
