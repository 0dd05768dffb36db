"""The checks that every scan passes before anything is computed from it.

Each rejection names the file, what is wrong with it, and what to do. The order of the checks
matters: later ones assume that earlier ones passed. Grey values are judged by the histogram of
the whole volume, since padding distorts the minimum.
"""

import numpy as np
from numpy.typing import NDArray

from srnet.core.errors import ScanRejected
from srnet.imaging.histogram import count_hu
from srnet.imaging.image import Image
from srnet.imaging.volume import AIR_HU, Volume

LOWEST_HU = -1024
LARGEST_SPACING_MM = 10.0
SMALLEST_SPACING_MM = 0.12
SMALLEST_EXTENT_MM = 40.0
SMALLEST_WIDTH_MM = 50.0
SMALLEST_RANGE_HU = 500
SMALLEST_AIR_OR_FAT = 0.05
SMALLEST_BODY = 0.005
SMALLEST_BODY_ML = 50.0
MODE_RANGE_HU = (-150, 130)
_MODE_SIGMA_HU = 8.0
_SHIFTED_TISSUE = 0.1


def check_geometry(image: Image, name: str) -> Image:
    """Return `image`, without trailing axes of length one, if it is 3-D with a usable voxel size.

    Raises
    ------
    ScanRejected
        If it is 2-D or 4-D, if its spacing is zero, negative, not finite or over 10 mm, by the
        header or by the affine matrix, or if that matrix cannot be inverted.
    """
    array = image.array
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3 or min(array.shape) < 2:
        shape = "x".join(str(n) for n in array.shape)
        raise ScanRejected(
            f"{name}: is not a volume but an image of {shape} voxels; "
            "give one 3-D CT per file, without a time or channel axis"
        )
    spacing = np.asarray(image.spacing_mm, dtype=float)
    if not np.all(np.isfinite(spacing)) or np.any(spacing <= 0):
        raise ScanRejected(
            f"{name}: voxel size {_by(spacing)} mm is zero, negative or not a number; "
            "write the true spacing into the header or export the series again"
        )
    if not np.all(np.isfinite(image.affine)) or abs(np.linalg.det(image.affine[:3, :3])) < 1e-6:
        raise ScanRejected(
            f"{name}: its affine matrix cannot be inverted, so left and right are unknown; "
            "export the series again with orientation"
        )
    # The matrix, which the computation uses, may contradict the voxel size of the header.
    steps = np.linalg.norm(image.affine[:3, :3], axis=0)
    for size, source in ((spacing, ""), (steps, " by the affine matrix")):
        if np.any(size > LARGEST_SPACING_MM):
            raise ScanRejected(
                f"{name}: voxel size {_by(size)} mm{source} exceeds {LARGEST_SPACING_MM:g} mm; "
                "vertebrae cannot be told apart at that distance, so take a thinner "
                "reconstruction or correct the header's unit"
            )
    return Image(array, image.affine, image.spacing_mm)


def _by(sizes: NDArray[np.float64]) -> str:
    return " x ".join(f"{size:g}" for size in sizes)


def check_values(volume: Volume, name: str) -> Volume:
    """Return `volume` as int16 HU with padding turned to air, if it is a CT.

    Raises
    ------
    ScanRejected
        If it is too short or too narrow, as with lengths in cm, if it holds NaN or infinity, is
        constant, or is not a CT in Hounsfield units.
    """
    extent = volume.grid.extent_mm[0]
    if extent < SMALLEST_EXTENT_MM:
        raise ScanRejected(
            f"{name}: covers {extent:.1f} mm from head to foot, less than "
            f"{SMALLEST_EXTENT_MM:g} mm; take a scan of at least two vertebrae, or correct the "
            "header if it states lengths in another unit"
        )
    width, finest = min(volume.grid.extent_mm[1:]), min(volume.grid.spacing_mm)
    if width < SMALLEST_WIDTH_MM or finest < SMALLEST_SPACING_MM:
        raise ScanRejected(
            f"{name}: is {width:.1f} mm wide in voxels of {_by(np.array(volume.grid.spacing_mm))} "
            f"mm, where a scan of the body has {SMALLEST_WIDTH_MM:g} mm and voxels of "
            f"{SMALLEST_SPACING_MM:g} mm at least; correct the header if it states lengths in "
            "another unit"
        )
    _check_range(volume.array, name)
    hu = _to_hu(volume.array)
    _check_histogram(hu, float(np.prod(volume.grid.spacing_mm)) / 1000, name)
    return Volume(hu, volume.grid)


def _check_range(array: NDArray[np.generic], name: str) -> None:
    if np.issubdtype(array.dtype, np.floating):
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            raise ScanRejected(
                f"{name}: {bad} of {array.size} voxels are NaN or infinite; "
                "export the scan again, or set them to -1024 if they are padding"
            )
    low, high = float(np.min(array)), float(np.max(array))
    if low == high:
        raise ScanRejected(
            f"{name}: every voxel is {low:g}; the file holds no image, so copy it again"
        )
    if high - low < SMALLEST_RANGE_HU:
        raise ScanRejected(
            f"{name}: values run from {low:g} to {high:g}, a span under {SMALLEST_RANGE_HU} HU; "
            "it is a mask, a normalised or a windowed image, so give the CT in Hounsfield units"
        )


def _to_hu(array: NDArray[np.generic]) -> NDArray[np.int16]:
    """Return rounded int16 HU; values below -1024 are padding and become air."""
    hu = np.asarray(array)
    if np.issubdtype(hu.dtype, np.floating):
        hu = np.rint(hu)
    if hu.dtype != np.int16:
        hu = np.clip(hu, -32768, 32767).astype(np.int16)
    padding = hu < LOWEST_HU
    return np.where(padding, np.int16(AIR_HU), hu) if padding.any() else hu


def _check_histogram(hu: NDArray[np.int16], voxel_ml: float, name: str) -> None:
    present, numbers = count_hu(hu)
    levels = np.arange(LOWEST_HU, present[-1] + 1)
    counts = np.zeros(len(levels), np.intp)
    counts[present - LOWEST_HU] = numbers
    thin = counts[levels < -20].sum() / hu.size
    body = counts[levels > -200].sum()
    mode = _mode(counts, levels)
    if thin < SMALLEST_AIR_OR_FAT:
        raise ScanRejected(
            f"{name}: only {thin:.1%} of the voxels are air or fat (below -20 HU; a CT has at "
            f"least {SMALLEST_AIR_OR_FAT:.0%}); {_guess(counts, levels)}"
        )
    if body / hu.size < SMALLEST_BODY or body * voxel_ml < SMALLEST_BODY_ML:
        raise ScanRejected(
            f"{name}: only {body * voxel_ml:.0f} ml ({body / hu.size:.2%}) are above -200 HU, too "
            "little for a body; look at the scan, and check slope and intercept"
        )
    if not MODE_RANGE_HU[0] <= mode <= MODE_RANGE_HU[1]:
        raise ScanRejected(
            f"{name}: the most frequent tissue is at {mode} HU, outside {MODE_RANGE_HU[0]} to "
            f"{MODE_RANGE_HU[1]}; it is not a CT, is inverted, or its slope or intercept is wrong"
        )


def _mode(counts: NDArray[np.intp], levels: NDArray[np.intp]) -> int:
    """Return the most frequent HU above -200, smoothed by 8 HU."""
    tissue = levels > -200
    if not tissue.any():
        return LOWEST_HU
    reach = np.arange(-3 * _MODE_SIGMA_HU, 3 * _MODE_SIGMA_HU + 1)
    kernel = np.exp(-0.5 * (reach / _MODE_SIGMA_HU) ** 2)
    smooth = np.convolve(counts[tissue].astype(float), kernel, mode="same")
    return int(levels[tissue][np.argmax(smooth)])


def _guess(counts: NDArray[np.intp], levels: NDArray[np.intp]) -> str:
    """Say what an image without negative values probably is."""
    shifted = counts[(levels > 850) & (levels < 1250)].sum() / counts.sum()
    if shifted > _SHIFTED_TISSUE:
        return "the values look like HU + 1024, so apply the rescale intercept of the series"
    return "it looks like an MR or another modality, so give a CT in Hounsfield units"
