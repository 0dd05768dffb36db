"""Separation of bone from everything else in a CT, by K-means (section IV.A).

K-means on all voxels finds whatever differs most in a scan: body from air, padding from the
rest, an implant from the body. The default `window` variant therefore clusters only the voxels
of the body, above water and saturated below cortical bone, which are soft tissue or bone. What
the threshold alone would keep or lose by mistake is then corrected by shape: kidneys and the
couch have no cortex, and the inside of a vertebra lies within its shell.

Whether a file is a CT at all was decided when it was imported. Scans without bone are refused
by the centre of the upper cluster and by the amount of what was found.
"""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.config.prepare import BoneSettings
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.histogram import count_hu
from srnet.imaging.volume import AIR_HU, Axis, Volume
from srnet.prepare.masks import (
    Box,
    Mask,
    bounding_box,
    close_gaps,
    core,
    fill_holes,
    keep_cortical_pieces,
    largest_piece,
)
from srnet.prepare.working_grid import WorkingGrid

LEAST_BONE_CENTRE_HU = 200.0
THRESHOLD_RANGE_HU = (130.0, 260.0)
LEAST_BONE = 0.01
SUSPICIOUS_BONE = 0.2
MOST_BONE = 0.4
LEAST_METAL_ML = 0.2
CORE_DEPTH_MM = 12.0
LEAST_CORE_ML = 4.0


def check_centres(bone_centre_hu: float, threshold_hu: float) -> None:
    """Refuse clusters that cannot be soft tissue and bone.

    Raises
    ------
    ScanRejected
        With the centre and the threshold.
    """
    low, high = THRESHOLD_RANGE_HU
    if bone_centre_hu < LEAST_BONE_CENTRE_HU or not low <= threshold_hu <= high:
        raise ScanRejected(
            f"no bone: the denser cluster is centred at {bone_centre_hu:.0f} HU, of bone it is at "
            f"least at {LEAST_BONE_CENTRE_HU:.0f}, and the threshold is {threshold_hu:.0f} HU, "
            f"expected in {low:.0f} to {high:.0f}; take a CT that shows the spine"
        )


def check_amount(bone_ml: float, tissue_ml: float) -> list[str]:
    """Refuse an impossible amount of bone; return a warning about a suspicious one.

    Parameters
    ----------
    bone_ml
        Volume of the bone found.
    tissue_ml
        Volume above -200 HU.

    Raises
    ------
    ScanRejected
        With the share of bone in all tissue.
    """
    share = bone_ml / tissue_ml
    if not LEAST_BONE <= share <= MOST_BONE:
        raise ScanRejected(
            f"{share:.1%} of the tissue ({bone_ml:.0f} of {tissue_ml:.0f} ml) would be bone, "
            f"plausible are {LEAST_BONE:.0%} to {MOST_BONE:.0%}; is this a CT of a body?"
        )
    if share > SUSPICIOUS_BONE:
        return [f"{share:.1%} of the tissue was taken for bone: contrast agent?"]
    return []


def warn_of_metal(metal_ml: float, above_hu: int) -> list[str]:
    """Return a warning about voxels denser than any bone."""
    if metal_ml < LEAST_METAL_ML:
        return []
    return [
        f"{metal_ml:.1f} ml above {above_hu} HU were kept as bone: metal, or dense contrast agent?"
    ]


def warn_of_contrast(core_ml: float) -> list[str]:
    """Return a warning about dense tissue that is thicker than cortical bone.

    Parameters
    ----------
    core_ml
        Volume of the centres of all balls of radius `CORE_DEPTH_MM` that lie above the
        threshold, before any filling. Under the cortex of bone is marrow, mostly
        fainter; a heart or an aorta full of contrast agent is dense throughout.
    """
    if core_ml < LEAST_CORE_ML:
        return []
    return [
        f"{core_ml:.0f} ml of what was kept as bone lie {CORE_DEPTH_MM:.0f} mm deep in tissue as "
        "dense throughout: contrast agent in heart or vessels?"
    ]


LOG = logging.getLogger(__name__)

HU_RANGE = (-1024, 3071)
"""Range of the usual 12 bits; values beyond are padding and metal."""

TISSUE_HU = -200
METAL_HU = 3000
EVERYWHERE: Box = (slice(None), slice(None), slice(None))


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
    warnings: tuple[str, ...] = ()


def cluster_histogram(
    values: NDArray[np.int64], counts: NDArray[np.int64], clusters: int
) -> NDArray[np.float64]:
    """Return the K-means centres of a histogram, ascending.

    Voxels of equal HU always share a cluster, so that the histogram holds all that K-means
    needs of a scan.

    Parameters
    ----------
    values
        Different integers, ascending.
    counts
        How often each occurs, positive.
    clusters
        Number of clusters, at most the number of values.
    """
    from sklearn.cluster import KMeans

    points = values[:, None].astype(np.float64)

    def fit(init: Any, starts: int) -> KMeans:
        kmeans = KMeans(clusters, init=init, n_init=starts, max_iter=1000, tol=0, random_state=0)
        return kmeans.fit(points, sample_weight=counts)

    def start_nearby(
        shifted: NDArray[np.float64], _clusters: int, random_state: np.random.RandomState
    ) -> NDArray[np.float64]:
        # scikit-learn hands over the points shifted to a mean of zero.
        offset = shifted[0] - points[0]
        nearby: NDArray[np.float64] = first.cluster_centers_ + offset
        return nearby + random_state.uniform(-4, 4, nearby.shape)

    # Lloyd's iterations rest where no level of HU changes sides, which is often 1 HU short of the
    # optimum: starts all around the best of a first round find it.
    first = fit("k-means++", 10)
    labels = min(first, fit(start_nearby, 20), key=lambda kmeans: kmeans.inertia_).labels_
    members = [labels == cluster for cluster in range(clusters)]
    # Means of integers: the same on every machine.
    return np.sort([np.sum((counts * values)[m]) / np.sum(counts[m]) for m in members])


def separate_bone(ct: Volume, settings: BoneSettings) -> BoneSeparation:
    """Keep the bone of a CT and set all else to `AIR_HU`.

    Parameters
    ----------
    ct
        HU, int16, as the import gives it.
    settings
        Variant and constants.

    Raises
    ------
    ScanRejected
        If the scan holds no plausible bone.
    """
    if ct.array.dtype != np.int16:
        raise SrnetError(f"bone separation takes HU as int16, not {ct.array.dtype}; round first")
    found = _VARIANTS[settings.variant](ct, settings)
    LOG.info("bone above %.1f HU: %.0f ml", found.threshold_hu, found.bone_ml)
    for warning in found.warnings:
        LOG.warning(warning)
    return found


def _separate_in_window(ct: Volume, settings: BoneSettings) -> BoneSeparation:
    """Cluster the body within the window, then judge pieces by their shape."""
    body_box = bounding_box(ct.array > settings.body_hu)
    hu = np.clip(ct.array[body_box], *HU_RANGE)
    blocks = WorkingGrid.of(ct.grid)
    coarse = blocks.mean(hu)
    body = largest_piece(coarse > settings.body_hu)
    centres = _window_centres(coarse, body, settings)
    threshold = sum(centres) / 2
    check_centres(centres[-1], threshold)
    mask, warnings = _bone_of_blocks(coarse, body, threshold, blocks, settings)
    mask = blocks.to_scan(mask, hu, threshold)
    result = _cut_out(ct, body_box, mask, centres)
    voxel_ml = ct.grid.voxel_ml
    warnings += check_amount(result.bone_ml, np.count_nonzero(hu > TISSUE_HU) * voxel_ml)
    warnings += warn_of_metal(np.count_nonzero(hu[mask] > METAL_HU) * voxel_ml, METAL_HU)
    return BoneSeparation(result.volume, threshold, centres, result.bone_ml, tuple(warnings))


def _separate_literally(ct: Volume, settings: BoneSettings) -> BoneSeparation:
    """Cluster all voxels and take the densest cluster, as the paper's text reads."""
    values, counts = count_hu(ct.array)
    if len(values) < settings.literal_clusters:
        raise ScanRejected(
            f"{len(values)} different values do not make {settings.literal_clusters} clusters; "
            "the file holds no image, so copy it again"
        )
    centres = tuple(cluster_histogram(values, counts, settings.literal_clusters).tolist())
    return _cut_out(ct, EVERYWHERE, ct.array > sum(centres[-2:]) / 2, centres)


_VARIANTS = {"window": _separate_in_window, "literal": _separate_literally}


def _window_centres(
    hu: NDArray[np.int16], body: Mask, settings: BoneSettings
) -> tuple[float, float]:
    """Return the centres of soft tissue and of bone, in HU."""
    sample = hu[body & (hu > settings.lower_hu)]
    values, counts = count_hu(np.minimum(sample, np.int16(settings.saturation_hu)))
    if len(values) < 2:
        raise ScanRejected(
            f"{sample.size} voxels of the body lie above {settings.lower_hu:.0f} HU and hold "
            f"{len(values)} different values: no bone; take a CT that shows the spine"
        )
    soft, bone = cluster_histogram(values, counts, 2).tolist()
    return soft, bone


def _bone_of_blocks(
    hu: NDArray[np.int16],
    body: Mask,
    threshold: float,
    blocks: WorkingGrid,
    settings: BoneSettings,
) -> tuple[Mask, list[str]]:
    """Return the blocks of bone, and warnings."""
    mask = body & (hu > threshold)
    box = bounding_box(mask)
    mask[box] = keep_cortical_pieces(
        mask[box],
        hu[box] > threshold + settings.cortex_excess_hu,
        smallest=settings.smallest_piece_mm3 / blocks.voxel_mm3,
        fraction=settings.cortex_fraction,
    )
    if not mask.any():
        raise ScanRejected(
            f"no bone: of what is denser than {threshold:.0f} HU, no piece of "
            f"{settings.smallest_piece_mm3:.0f} mm3 or more has a cortex; "
            "take a CT that shows the spine"
        )
    solid_core = core(mask[box], CORE_DEPTH_MM, blocks.spacing_mm)
    warnings = warn_of_contrast(np.count_nonzero(solid_core) * blocks.voxel_mm3 / 1000)
    filled = _solid(mask, hu, blocks, settings)
    growth = np.count_nonzero(filled & ~mask) / max(1, int(np.count_nonzero(mask)))
    if growth <= settings.largest_growth:
        return filled, warnings
    left_out = f"closing and filling would add {growth:.0%} to the bone and were left out"
    return mask, [*warnings, left_out]


def _solid(mask: Mask, hu: NDArray[np.int16], blocks: WorkingGrid, settings: BoneSettings) -> Mask:
    """Return bone with the cancellous inside of its shells.

    Axial slices are not filled: there the spinal canal is a hole.
    """
    box = bounding_box(mask, margin=2)
    filled = close_gaps(mask[box], settings.closing_mm, blocks.spacing_mm)
    for normal in (Axis.LEFT_RIGHT, Axis.ANTEROPOSTERIOR):
        pixel_mm2 = blocks.voxel_mm3 / blocks.spacing_mm[normal]
        largest = settings.largest_hole_mm2 / pixel_mm2
        filled = fill_holes(filled, hu[box], normal, largest, settings.hole_mean_hu)
    solid = mask.copy()
    solid[box] = filled
    return solid


def _cut_out(ct: Volume, box: Box, mask: Mask, centres: tuple[float, ...]) -> BoneSeparation:
    """Return the scan where `mask`, given on `box`, holds, and air elsewhere."""
    array = np.full(ct.array.shape, AIR_HU, np.int16)
    np.copyto(array[box], ct.array[box], where=mask)
    bone_ml = np.count_nonzero(mask) * ct.grid.voxel_ml
    return BoneSeparation(Volume(array, ct.grid), sum(centres[-2:]) / 2, centres, bone_ml)
