"""Scores vertebra by vertebra and region by region, where a scan has vertebra labels.

A reconstruction has no labels. Space is therefore divided among the true
vertebrae: the cell of a vertebra is every voxel nearer to it than to any
other, up to a margin, and what the reconstruction puts there is scored as its
attempt at that vertebra.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from srnet.core.errors import SrnetError
from srnet.evaluate.metrics import FULL_SCALE, PEAK, Array, checked, psnr
from srnet.evaluate.surface import SurfaceDistances, dice, surface_distances

MARGIN_MM = 5.0
"""How far beyond a labelled vertebra its cell reaches."""

VERTEBRAE = {
    **{label: f"C{label}" for label in range(1, 8)},
    **{label: f"T{label - 7}" for label in range(8, 20)},
    **{label: f"L{label - 19}" for label in range(20, 26)},
    28: "T13",
}
"""Labels as VerSe numbers them."""

REGIONS = {"C": "cervical", "T": "thoracic", "L": "lumbar"}
"""First letter of a vertebra and its region."""

_OTHER_LABELS = (0, 26, 27)  # background, sacrum, coccyx


def region_scores(
    truth: Array,
    prediction: Array,
    labels: NDArray[np.integer],
    spacing_mm: tuple[float, float, float],
    bone_threshold: float = 0.25,
) -> pd.DataFrame:
    """Score every labelled vertebra and every region.

    Parameters
    ----------
    truth, prediction
        Network values, (D, H, W); the prediction is clipped to [0, 1].
    labels
        Vertebra labels on the same grid, numbered as in VerSe. Sacrum and
        coccyx take part in dividing the space, but have no row.
    spacing_mm
        Distance of voxel centres along the three axes.
    bone_threshold
        Network value above which a voxel counts as bone.

    Returns
    -------
    DataFrame
        One row per vertebra from top to bottom, then one per region: `part`,
        `voxels` of its cell, and PSNR3D, Dice, MAE_bone, HD95_mm, ASSD_mm,
        SD_1mm and SD_2mm inside it. MAE_bone is NaN where the truth has no
        bone. Distances go to the nearest surface anywhere.

    Raises
    ------
    SrnetError
        If the grids differ, a value is not finite, or a label is none of VerSe's.
    """
    truth, clipped = checked(truth, prediction, shortest=1)
    if truth.shape != labels.shape:
        raise SrnetError(
            f"volumes of shape {truth.shape} and labels of shape {labels.shape} must lie on one "
            "grid; resample the labels by nearest neighbour"
        )
    found = [int(label) for label in np.unique(labels)]
    unknown = sorted(set(found) - set(VERTEBRAE) - set(_OTHER_LABELS))
    if unknown:
        raise SrnetError(f"labels {unknown} are no vertebrae; VerSe numbers C1 as 1 to L6 as 25")
    cells = _cells(labels, spacing_mm)
    bones = truth > bone_threshold, clipped > bone_threshold
    distances = surface_distances(*bones, spacing_mm)
    error = np.abs(clipped - truth).astype(np.float64) * FULL_SCALE
    rows = [
        {"part": name, **_score(np.isin(cells, members), error, bones, distances)}
        for name, members in _parts(found).items()
    ]
    return pd.DataFrame(rows)


def _parts(found: list[int]) -> dict[str, list[int]]:
    """Return the labels of each vertebra, then of each region, that is there."""
    # 28, a thirteenth thoracic vertebra, lies between 19 and 20.
    present = sorted(set(found) & set(VERTEBRAE), key=lambda label: 19.5 if label == 28 else label)
    parts = {VERTEBRAE[label]: [label] for label in present}
    for letter, region in REGIONS.items():
        members = [label for label in present if VERTEBRAE[label].startswith(letter)]
        if members:
            parts[region] = members
    return parts


def _cells(
    labels: NDArray[np.integer], spacing_mm: tuple[float, float, float]
) -> NDArray[np.integer]:
    """Return the label of the nearest labelled voxel, 0 beyond the margin."""
    distance, nearest = ndimage.distance_transform_edt(
        labels == 0, sampling=spacing_mm, return_indices=True
    )
    return np.where(distance <= MARGIN_MM, labels[tuple(nearest)], 0)


def _score(
    cell: NDArray[np.bool_],
    error: NDArray[np.float64],
    bones: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    distances: SurfaceDistances,
) -> dict[str, float]:
    true_bone, bone = (mask & cell for mask in bones)
    here = distances.inside(cell)
    return {
        "voxels": int(cell.sum()),
        "PSNR3D": psnr(float(np.mean(np.square(error[cell]))), PEAK),
        "Dice": dice(true_bone, bone),
        "MAE_bone": float(error[true_bone].mean()) if true_bone.any() else float("nan"),
        "HD95_mm": here.hausdorff95(),
        "ASSD_mm": here.average(),
        "SD_1mm": here.share_within(1.0),
        "SD_2mm": here.share_within(2.0),
    }
