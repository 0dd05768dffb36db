"""Scores of one reconstruction against its truth, in two named conventions.

`paper`
    How Table I was computed: the evaluation that was published with X2CT.
    PSNR there is no PSNR of a volume: it is taken slice by slice along three
    axes, and a slice that is reproduced exactly, as an empty one is, counts
    100 dB.
`strict`
    What a reader would assume: whole-volume errors, errors inside bone and
    outside, overlap and distance of the bone surfaces.

Every volume is an array of network values, [0, 1], where 1 stands for 2500
stored levels. Both conventions clip the prediction to that range first.

The columns of scores and tables: one entry per metric, nothing else knows their names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from srnet.core.errors import SrnetError
from srnet.evaluate.surface import dice, surface_distances

FULL_SCALE = 2500
"""Stored levels at network value 1."""

PEAK = 4095
"""Maximum that the paper's PSNR refers to: the largest value of a 12-bit CT."""

IDENTICAL_DB = 100.0
"""PSNR of identical arrays, and the largest PSNR that is reported."""

_ROUNDING = 5e-4
"""Levels that storing `k / 2500` as float32 can lose, and truncation must not notice."""

_similarity: Callable[..., float] = structural_similarity

Array = NDArray[np.float32] | NDArray[np.float64]


def paper_scores(truth: Array, prediction: Array) -> dict[str, float]:
    """Score in the convention of Table I.

    Parameters
    ----------
    truth, prediction
        Network values, (D, H, W), each edge at least 7.

    Returns
    -------
    dict
        PSNR (dB), SSIM, CS, MAE and MSE (levels, 0..2500). Always finite.

    Raises
    ------
    SrnetError
        If the shapes differ, an edge is shorter than 7, or a value is not finite.
    """
    truth, prediction = checked(truth, prediction)
    error = _levels(prediction) - _levels(truth)
    squared = (error * error).astype(np.float64)
    return {
        "PSNR": _mean_over_axes(lambda axis: float(_slice_psnr(squared, axis).mean())),
        "SSIM": _mean_over_axes(lambda axis: slice_ssim(truth, prediction, axis)),
        "CS": cosine(truth, prediction),
        "MAE": float(np.abs(error).mean()),
        "MSE": float(squared.mean()),
    }


def strict_scores(
    truth: Array,
    prediction: Array,
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    bone_threshold: float = 0.25,
) -> dict[str, float]:
    """Score in the strict convention.

    Parameters
    ----------
    truth, prediction
        Network values, (D, H, W), each edge at least 11.
    spacing_mm
        Distance of voxel centres along the three axes, for the distances.
    bone_threshold
        Network value above which a voxel counts as bone, in both volumes.

    Returns
    -------
    dict
        The columns of `srnet.evaluate.metrics.STRICT` but the reprojection
        error, which needs the x-rays. Finite, except that an error inside
        (outside) bone is NaN if the truth has no (only) bone.

    Raises
    ------
    SrnetError
        If the shapes differ, an edge is shorter than 11, or a value is not finite.
    """
    truth, prediction = checked(truth, prediction, shortest=11)
    error = np.abs(prediction - truth) * FULL_SCALE
    mse = float(np.mean(np.square(error)))
    true_bone, bone = truth > bone_threshold, prediction > bone_threshold
    distances = surface_distances(true_bone, bone, spacing_mm)
    voxels = surface_distances(true_bone, bone, (1.0, 1.0, 1.0))
    return {
        "PSNR3D": psnr(mse, PEAK),
        "Dice": dice(true_bone, bone),
        "MAE_bone": _mean(error[true_bone]),
        "MAE_outside": _mean(error[~true_bone]),
        "PSNR3D_2500": psnr(mse, FULL_SCALE),
        "SSIM3D": volume_ssim(truth, prediction),
        "HD95_mm": distances.hausdorff95(),
        "ASSD_mm": distances.average(),
        "SD_1voxel": voxels.share_within(1.0),
        "SD_2voxel": voxels.share_within(2.0),
        "SD_1mm": distances.share_within(1.0),
        "SD_2mm": distances.share_within(2.0),
    }


CONVENTIONS: dict[str, tuple[Callable[..., dict[str, float]], ...]] = {
    "paper": (paper_scores,),
    "strict": (strict_scores,),
    "both": (paper_scores, strict_scores),
}
"""What each named convention computes."""


def psnr(mse: float, peak: float) -> float:
    """Return `20 log10(peak / sqrt(mse))` in dB, at most 100."""
    if mse == 0:
        return IDENTICAL_DB
    return float(np.minimum(IDENTICAL_DB, 20 * np.log10(peak / np.sqrt(mse))))


def psnr3d(target: Array, prediction: Array) -> float:
    """Return the PSNR over all voxels in dB, peak 4095."""
    mse = float(np.square(prediction - target, dtype=np.float64).mean())
    return psnr(mse * FULL_SCALE**2, PEAK)


def cosine(truth: Array, prediction: Array) -> float:
    """Return the cosine between two volumes taken as vectors.

    0 if just one of them is zero everywhere, 1 if both are.
    """
    a, b = (x.ravel().astype(np.float64) for x in (truth, prediction))
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    if lengths == 0:
        return float(not a.any() and not b.any())
    return min(float(a @ b) / lengths, 1.0)  # Rounding may lift a perfect one above it.


def checked(truth: Array, prediction: Array, shortest: int = 7) -> tuple[Array, Array]:
    """Return both arrays as float32, the prediction clipped to [0, 1].

    Raises
    ------
    SrnetError
        If the shapes differ, an edge is shorter than `shortest`, or a value is not finite.
    """
    if truth.shape != prediction.shape or truth.ndim != 3:
        raise SrnetError(
            f"truth has shape {truth.shape}, prediction {prediction.shape}: "
            "both must be 3-D and of one shape"
        )
    if min(truth.shape) < shortest:
        raise SrnetError(f"shape {truth.shape}: every edge must have {shortest} voxels or more")
    for name, array in (("truth", truth), ("prediction", prediction)):
        if not np.isfinite(array).all():
            wrong = int((~np.isfinite(array)).sum())
            raise SrnetError(f"{name} has {wrong} voxels that are NaN or infinite; make it anew")
    return truth.astype(np.float32), np.clip(prediction, 0, 1).astype(np.float32)


def _levels(volume: Array) -> NDArray[np.int32]:
    """Return the stored levels, truncated to integers as the paper's evaluation does."""
    return (volume.astype(np.float64) * FULL_SCALE + _ROUNDING).astype(np.int32)


def _mean_over_axes(score: Callable[[int], float]) -> float:
    return sum(score(axis) for axis in range(3)) / 3


def _slice_psnr(squared: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the PSNR of each slice across `axis`, 100 dB for identical ones."""
    mse = squared.mean(axis=_others(axis))
    decibels = np.full(mse.shape, IDENTICAL_DB)
    differs = mse > 0
    decibels[differs] = 20 * np.log10(PEAK / np.sqrt(mse[differs]))
    return decibels


def slice_ssim(truth: Array, prediction: Array, axis: int) -> float:
    """Return the mean SSIM of the slices across `axis`: 7x7 uniform window, range 1."""
    # Slices that lie together in memory are filtered in two thirds of the time.
    a, b = (np.ascontiguousarray(np.moveaxis(x, axis, 0)) for x in (truth, prediction))
    return float(_similarity(a, b, data_range=1.0, channel_axis=0))


def volume_ssim(truth: Array, prediction: Array) -> float:
    """Return the 3-D SSIM: Gaussian window of 1.5 voxels, range 1."""
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(_similarity(truth, prediction, data_range=1.0, **gaussian))


def _mean(values: Array) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else float("nan")


def _others(axis: int) -> tuple[int, ...]:
    return tuple(other for other in range(3) if other != axis)


@dataclass(frozen=True)
class Metric:
    """One metric as the tables show it.

    Attributes
    ----------
    name
        Heading of the column, key of the JSON output.
    unit
        Unit, or '' for a number without one; "level" is one unit of the stored
        values 0..2500, which equals one HU inside bone.
    better
        Which way is good.
    digits
        Decimals shown in the tables for reading; the CSV has more.
    meaning
        One line for the documentation and the footers.
    undefined
        Why a score of this column can be missing, or '' if it never is.
    """

    name: str
    unit: str
    better: Literal["higher", "lower"]
    digits: int
    meaning: str
    undefined: str = ""


PAPER = (
    Metric("PSNR", "dB", "higher", 2, "slice-averaged PSNR, maximum 4095, 100 dB if identical"),
    Metric("SSIM", "", "higher", 4, "slice-averaged SSIM, 7x7 uniform window"),
    Metric("CS", "", "higher", 4, "cosine between the two volumes"),
    Metric("MAE", "level", "lower", 2, "mean absolute error of truncated levels, all voxels"),
    Metric("MSE", "level²", "lower", 0, "mean squared error of truncated levels, all voxels"),
    Metric(
        "LPIPS",
        "",
        "lower",
        4,
        "learned perceptual distance, AlexNet, slices of three axes",
        "no trained AlexNet features were given (evaluate.lpips_weights), "
        "and random features do not give LPIPS",
    ),
    Metric(
        "FLOPs",
        "G",
        "lower",
        3,
        "twice thop's multiply-adds of one forward pass",
        "a prediction without a network has none",
    ),
)
"""The paper's columns in the paper's order."""

_VOLUME = (
    Metric("PSNR3D", "dB", "higher", 2, "PSNR of the whole volume, maximum 4095"),
    Metric("Dice", "", "higher", 4, "overlap of the bone masks"),
    Metric(
        "MAE_bone",
        "level",
        "lower",
        1,
        "mean absolute error inside true bone",
        "the truth holds no bone",
    ),
    Metric(
        "MAE_outside",
        "level",
        "lower",
        2,
        "mean absolute error outside true bone",
        "the truth is all bone",
    ),
    Metric("PSNR3D_2500", "dB", "higher", 2, "PSNR of the whole volume, maximum 2500"),
    Metric("SSIM3D", "", "higher", 4, "3-D SSIM, Gaussian window of 1.5 voxels"),
    Metric(
        "Reprojection",
        "",
        "lower",
        4,
        "absolute difference of the reconstruction's DRRs to the input x-rays, "
        "as a share of their sum",
        "the x-rays are empty, or the scale of their line integrals is unknown",
    ),
    Metric(
        "FLOPs_true",
        "G",
        "lower",
        3,
        "operations of convolutions and matrix products in one forward pass",
        "a prediction without a network has none",
    ),
)

_SURFACE = (
    Metric("HD95_mm", "mm", "lower", 2, "95th percentile of the distances between bone surfaces"),
    Metric("ASSD_mm", "mm", "lower", 2, "mean distance between bone surfaces, both ways"),
    Metric("SD_1voxel", "", "higher", 4, "share of both surfaces within 1 voxel of the other"),
    Metric("SD_2voxel", "", "higher", 4, "share of both surfaces within 2 voxels of the other"),
    Metric("SD_1mm", "", "higher", 4, "share of both surfaces within 1 mm of the other"),
    Metric("SD_2mm", "", "higher", 4, "share of both surfaces within 2 mm of the other"),
)

STRICT = (*_VOLUME, *_SURFACE)
"""What Table I does not tell."""

BLOCKS = {
    "The paper's convention": PAPER,
    "Strict: volume and bone": _VOLUME,
    "Strict: bone surfaces": _SURFACE,
}
"""The columns in groups that fit a page, by caption."""

METRICS = {column.name: column for column in (*PAPER, *STRICT)}
"""Every column by its name, the paper's first."""

COUNTS = {"FLOPs": "paper_flops", "FLOPs_true": "true_flops"}
"""The columns that belong to a network, and their keys in its file of counts."""

COLUMNS = [name for name in METRICS if name not in COUNTS]
"""The columns that are scored scan by scan."""
