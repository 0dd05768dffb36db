"""Separation of bone from everything else in a CT, by K-means (section IV.A).

K-means on all voxels finds whatever differs most in a scan: body from air,
padding from the rest, an implant from the body. The default `window` variant
asks it the one question that matters: which of the voxels of the body, above
water and saturated below cortical bone, are soft tissue, and which bone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.config.prepare import BoneSettings
from srnet.errors import ScanRejected
from srnet.prepare.guards import Histogram, check_amount, check_centres, check_hu, check_is_ct
from srnet.prepare.kmeans import cluster_histogram, count_hu
from srnet.prepare.masks import (
    Mask,
    bounding_box,
    close_gaps,
    fill_holes,
    keep_cortical_pieces,
    largest_piece,
)
from srnet.volume import AIR_HU, Axis, Grid, Volume

__all__ = ["BoneSeparation", "separate_bone"]

HU_RANGE = (-1024, 3071)
"""Range of the usual 12 bits; values beyond are padding and metal."""

METAL_HU = 3000
LEAST_METAL_ML = 0.2


@dataclass(frozen=True)
class BoneSeparation:
    """The bone of a scan, and how it was found.

    Attributes
    ----------
    volume
        HU in bone, `AIR_HU` elsewhere; int16, grid of the scan.
    threshold_hu
        Midpoint of the two upper cluster centres; bone is above.
    centres_hu
        All cluster centres, ascending.
    bone_ml
        Volume of the bone.
    warnings
        What a reader of the results should know, one sentence each.
    """

    volume: Volume
    threshold_hu: float
    centres_hu: tuple[float, ...]
    bone_ml: float
    warnings: tuple[str, ...]


def separate_bone(ct: Volume, settings: BoneSettings) -> BoneSeparation:
    """Keep the bone of a CT and set all else to `AIR_HU`.

    Parameters
    ----------
    ct
        HU, any geometry of `srnet.volume`.
    settings
        Variant and constants.

    Raises
    ------
    ScanRejected
        If the scan is no CT of a body in HU, or holds no plausible bone.
    """
    ct = check_hu(ct)
    histogram = Histogram.of(ct)
    return _VARIANTS[settings.variant](ct, histogram, settings)


def _separate_in_window(
    ct: Volume, histogram: Histogram, settings: BoneSettings
) -> BoneSeparation:
    check_is_ct(histogram)
    box = bounding_box(ct.array > settings.body_hu)
    hu = np.clip(ct.array[box], *HU_RANGE)
    body = largest_piece(hu > settings.body_hu)
    centres = _window_centres(hu, body, settings)
    threshold = sum(centres) / 2
    check_centres(centres, threshold)
    mask, warnings = _bone_mask(hu, body, threshold, ct.grid, settings)
    separation = _cut_out(ct, box, mask, centres)
    warnings += check_amount(separation.bone_ml, histogram)
    warnings += _metal(histogram)
    return BoneSeparation(
        separation.volume, threshold, centres, separation.bone_ml, tuple(warnings)
    )


def _separate_literally(
    ct: Volume, histogram: Histogram, settings: BoneSettings
) -> BoneSeparation:
    if len(histogram.values) < settings.literal_clusters:
        raise ScanRejected(
            f"{len(histogram.values)} different values do not make "
            f"{settings.literal_clusters} clusters; the file is empty"
        )
    found = cluster_histogram(histogram.values, histogram.counts, settings.literal_clusters)
    centres = tuple(found.tolist())
    mask = ct.array > sum(centres[-2:]) / 2
    whole = slice(None), slice(None), slice(None)
    return _cut_out(ct, whole, mask, centres)


_VARIANTS = {"window": _separate_in_window, "literal": _separate_literally}


def _window_centres(
    hu: NDArray[np.int16], body: Mask, settings: BoneSettings
) -> tuple[float, float]:
    """Return the centres of soft tissue and of bone, in HU."""
    sample = hu[body & (hu > settings.lower_hu)]
    values, counts = count_hu(np.minimum(sample, np.int16(settings.saturation_hu)))
    if len(values) < 2:
        raise ScanRejected(f"no body voxel is denser than {settings.lower_hu:.0f} HU: no bone")
    soft, bone = cluster_histogram(values, counts, 2).tolist()
    return soft, bone


def _bone_mask(
    hu: NDArray[np.int16], body: Mask, threshold: float, grid: Grid, settings: BoneSettings
) -> tuple[Mask, list[str]]:
    """Return the voxels of bone, and warnings."""
    voxel_mm3 = float(np.prod(grid.spacing_mm))
    found = keep_cortical_pieces(
        body & (hu > threshold),
        hu > threshold + settings.cortex_excess_hu,
        smallest=settings.smallest_piece_mm3 / voxel_mm3,
        fraction=settings.cortex_fraction,
    )
    mask = close_gaps(found, settings.closing_mm, grid.spacing_mm)
    for normal in (Axis.LEFT_RIGHT, Axis.ANTEROPOSTERIOR):
        pixel_mm2 = voxel_mm3 / grid.spacing_mm[normal]
        largest = settings.largest_hole_mm2 / pixel_mm2
        mask = fill_holes(mask, hu, normal, largest, settings.hole_mean_hu)
    growth = int(mask.sum()) / max(int(found.sum()), 1) - 1
    if growth <= settings.largest_growth:
        return mask, []
    return found, [f"closing and filling would add {growth:.0%} to the bone and were left out"]


def _cut_out(
    ct: Volume, box: tuple[slice, slice, slice], mask: Mask, centres: tuple[float, ...]
) -> BoneSeparation:
    array = np.full(ct.array.shape, AIR_HU, np.int16)
    array[box] = np.where(mask, ct.array[box], np.int16(AIR_HU))
    bone_ml = int(mask.sum()) * float(np.prod(ct.grid.spacing_mm)) / 1000
    threshold = sum(centres[-2:]) / 2
    return BoneSeparation(Volume(array, ct.grid), threshold, centres, bone_ml, ())


def _metal(histogram: Histogram) -> list[str]:
    metal_ml = histogram.above(METAL_HU) * histogram.voxel_ml
    if metal_ml < LEAST_METAL_ML:
        return []
    return [f"{metal_ml:.1f} ml above {METAL_HU} HU are kept as bone: metal?"]
