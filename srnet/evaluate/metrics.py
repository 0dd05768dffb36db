"""The metrics of the tables: one row for each, with the function that computes it.

A `ScoredPair` is scored by the rows of one of two conventions, or of both:

`paper`
    How Table I was computed: the evaluation that was published with X2CT. Its PSNR is not
    that of a volume: it is taken slice by slice along three axes, and a slice that is
    reproduced exactly, as an empty one is, counts 100 dB.
`strict`
    What a reader would assume: errors of the whole volume, inside bone and outside, overlap
    of the bone masks and distances of their surfaces.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from srnet.core.errors import SrnetError
from srnet.evaluate.similarity import IDENTICAL_DB, PEAK, cosine, psnr
from srnet.evaluate.surface import SurfaceDistances, dice, surface_distances
from srnet.imaging.geometry import ConeBeam
from srnet.imaging.target import TARGET_MAX

_ROUNDING = 5e-4
"""Levels that storing `k / 2500` as float32 can lose, and truncation must not notice."""

Array = NDArray[np.float32]


@dataclass
class ScoredPair:
    """A target, its prediction, and what the metrics share of them.

    Attributes
    ----------
    target, prediction
        Network values, (D, H, W). The pair keeps them as float32, the prediction clipped to
        [0, 1].
    spacing_mm
        Distance of voxel centres along the three axes.
    bone_threshold
        Network value above which a voxel counts as bone, in both volumes.
    xrays
        Line integrals that the two x-rays show, (2, S, S) in HU mm, AP then lateral, and the
        geometry in which they were made.
    lpips
        Function of target and prediction, see `srnet.evaluate.perceptual.Perceptual.volumes`.

    Raises
    ------
    SrnetError
        If the shapes differ or a value is not finite.
    """

    target: NDArray[Any]
    prediction: NDArray[Any]
    spacing_mm: tuple[float, float, float]
    bone_threshold: float
    xrays: tuple[Array, ConeBeam] | None = None
    lpips: Callable[[Array, Array], float] | None = None

    def __post_init__(self) -> None:
        if self.target.shape != self.prediction.shape or self.target.ndim != 3:
            raise SrnetError(
                f"target has shape {self.target.shape}, prediction {self.prediction.shape}: "
                "both must be 3-D and of one shape"
            )
        for name in ("target", "prediction"):
            wrong = int((~np.isfinite(getattr(self, name))).sum())
            if wrong:
                raise SrnetError(
                    f"{name} has {wrong} voxels that are NaN or infinite; make it anew"
                )
        self.target = self.target.astype(np.float32)
        self.prediction = np.clip(self.prediction, 0, 1).astype(np.float32)

    @cached_property
    def truncated_error(self) -> NDArray[np.int32]:
        """Return the difference of the levels, truncated as the paper's evaluation does."""
        prediction, target = (
            (volume.astype(np.float64) * TARGET_MAX + _ROUNDING).astype(np.int32)
            for volume in (self.prediction, self.target)
        )
        difference: NDArray[np.int32] = prediction - target
        return difference

    @cached_property
    def squared_truncated_error(self) -> NDArray[np.float64]:
        """Return the square of `truncated_error`."""
        return (self.truncated_error * self.truncated_error).astype(np.float64)

    @cached_property
    def error(self) -> NDArray[Any]:
        """Return the absolute error of every voxel in levels."""
        error: NDArray[Any] = np.abs(self.prediction - self.target) * TARGET_MAX
        return error

    @cached_property
    def mean_squared_error(self) -> float:
        """Return the mean over all voxels of the squared error in levels."""
        return float(np.mean(np.square(self.error)))

    @cached_property
    def target_bone(self) -> NDArray[np.bool_]:
        """Return the bone mask of the target."""
        return self.target > self.bone_threshold

    @cached_property
    def prediction_bone(self) -> NDArray[np.bool_]:
        """Return the bone mask of the prediction."""
        return self.prediction > self.bone_threshold

    @cached_property
    def surfaces_mm(self) -> SurfaceDistances:
        """Return the distances between the bone surfaces in mm."""
        return surface_distances(self.target_bone, self.prediction_bone, self.spacing_mm)

    @cached_property
    def surfaces_voxel(self) -> SurfaceDistances:
        """Return the distances between the bone surfaces in voxels."""
        return surface_distances(self.target_bone, self.prediction_bone, (1.0, 1.0, 1.0))


@dataclass(frozen=True)
class Metric:
    """One column of scores and tables.

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
    score
        Function of a pair, which returns None if the pair lacks what the metric needs; None
        itself for counts of a network, which no scan changes.
    undefined
        Why a score of this column can be missing, or '' if it never is.
    """

    name: str
    unit: str
    better: Literal["higher", "lower"]
    digits: int
    meaning: str
    score: Callable[[ScoredPair], float | None] | None
    undefined: str = ""


def score_pair(pair: ScoredPair, metrics: Iterable[Metric]) -> dict[str, float]:
    """Return the scores of a pair by the names of `metrics`.

    A score is NaN where it is undefined. Counts of a network are left out, and so are the
    metrics for which the pair lacks the x-rays or LPIPS.

    Raises
    ------
    SrnetError
        If a volume is smaller than the window of a metric.
    """
    scores = {metric.name: metric.score(pair) for metric in metrics if metric.score}
    return {name: score for name, score in scores.items() if score is not None}


def slice_ssim(target: Array, prediction: Array, axis: int) -> float:
    """Return the mean SSIM of the slices across `axis`: 7x7 uniform window, range 1."""
    # Slices that lie together in memory are filtered in two thirds of the time.
    a, b = (np.ascontiguousarray(np.moveaxis(x, axis, 0)) for x in (target, prediction))
    return _ssim(a, b, 7, channel_axis=0)


def volume_ssim(target: Array, prediction: Array) -> float:
    """Return the 3-D SSIM: Gaussian window of 1.5 voxels, range 1."""
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return _ssim(target, prediction, 11, **gaussian)


def _ssim(target: Array, prediction: Array, window: int, **options: Any) -> float:
    from skimage.metrics import structural_similarity

    if min(target.shape) < window:
        raise SrnetError(f"shape {target.shape}: every edge must have {window} voxels or more")
    similarity: Callable[..., float] = structural_similarity
    return float(similarity(target, prediction, data_range=1.0, **options))


def _slice_psnr(pair: ScoredPair, axis: int) -> float:
    """Return the mean PSNR of the slices across `axis`, 100 dB for identical ones."""
    mse = pair.squared_truncated_error.mean(axis=tuple({0, 1, 2} - {axis}))
    decibels = np.full(mse.shape, IDENTICAL_DB)
    differs = mse > 0
    decibels[differs] = 20 * np.log10(PEAK / np.sqrt(mse[differs]))
    return float(decibels.mean())


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else float("nan")


def _mean_over_axes(score: Callable[[int], float]) -> float:
    return sum(score(axis) for axis in range(3)) / 3


def _reprojection(pair: ScoredPair) -> float | None:
    from srnet.evaluate.reprojection import reprojection_error

    if pair.xrays is None:
        return None
    return reprojection_error(pair.prediction, *pair.xrays, pair.spacing_mm)


# Two or three lines a metric; the formatter would spread each over ten.
# fmt: off
PAPER = (
    Metric("PSNR", "dB", "higher", 2, "slice-averaged PSNR, maximum 4095, 100 dB if identical",
           lambda pair: _mean_over_axes(lambda axis: _slice_psnr(pair, axis))),
    Metric("SSIM", "", "higher", 4, "slice-averaged SSIM, 7x7 uniform window", lambda pair:
           _mean_over_axes(lambda axis: slice_ssim(pair.target, pair.prediction, axis))),
    Metric("CS", "", "higher", 4, "cosine between the two volumes",
           lambda pair: cosine(pair.target, pair.prediction)),
    Metric("MAE", "level", "lower", 2, "mean absolute error of truncated levels, all voxels",
           lambda pair: float(np.abs(pair.truncated_error).mean())),
    Metric("MSE", "level²", "lower", 0, "mean squared error of truncated levels, all voxels",
           lambda pair: float(pair.squared_truncated_error.mean())),
    Metric("LPIPS", "", "lower", 4, "learned perceptual distance, AlexNet, slices of three axes",
           lambda pair: pair.lpips and pair.lpips(pair.target, pair.prediction),
           "no trained AlexNet features were given (evaluate.lpips_weights), "
           "and random features do not give LPIPS"),
    Metric("FLOPs", "G", "lower", 3, "twice thop's multiply-adds of one forward pass",
           None, "a prediction without a network has none"),
)
"""The paper's columns in the paper's order."""

_VOLUME = (
    Metric("PSNR3D", "dB", "higher", 2, "PSNR of the whole volume, maximum 4095",
           lambda pair: psnr(pair.mean_squared_error, PEAK)),
    Metric("Dice", "", "higher", 4, "overlap of the bone masks",
           lambda pair: dice(pair.target_bone, pair.prediction_bone)),
    Metric("MAE_bone", "level", "lower", 1, "mean absolute error inside true bone",
           lambda pair: _mean(pair.error[pair.target_bone]), "the truth holds no bone"),
    Metric("MAE_outside", "level", "lower", 2, "mean absolute error outside true bone",
           lambda pair: _mean(pair.error[~pair.target_bone]), "the truth is all bone"),
    Metric("PSNR3D_2500", "dB", "higher", 2, "PSNR of the whole volume, maximum 2500",
           lambda pair: psnr(pair.mean_squared_error, TARGET_MAX)),
    Metric("SSIM3D", "", "higher", 4, "3-D SSIM, Gaussian window of 1.5 voxels",
           lambda pair: volume_ssim(pair.target, pair.prediction)),
    Metric("Reprojection", "", "lower", 4, "absolute difference of the reconstruction's DRRs to "
           "the input x-rays, as a share of their sum", _reprojection,
           "the x-rays are empty, or the scale of their line integrals is unknown"),
    Metric("FLOPs_true", "G", "lower", 3, "operations of convolutions and matrix products in one "
           "forward pass", None, "a prediction without a network has none"),
)

_SURFACE = (
    Metric("HD95_mm", "mm", "lower", 2, "95th percentile of the distances between bone surfaces",
           lambda pair: pair.surfaces_mm.hausdorff95()),
    Metric("ASSD_mm", "mm", "lower", 2, "mean distance between bone surfaces, both ways",
           lambda pair: pair.surfaces_mm.average()),
    Metric("SD_1voxel", "", "higher", 4, "share of both surfaces within 1 voxel of the other",
           lambda pair: pair.surfaces_voxel.share_within(1.0)),
    Metric("SD_2voxel", "", "higher", 4, "share of both surfaces within 2 voxels of the other",
           lambda pair: pair.surfaces_voxel.share_within(2.0)),
    Metric("SD_1mm", "", "higher", 4, "share of both surfaces within 1 mm of the other",
           lambda pair: pair.surfaces_mm.share_within(1.0)),
    Metric("SD_2mm", "", "higher", 4, "share of both surfaces within 2 mm of the other",
           lambda pair: pair.surfaces_mm.share_within(2.0)),
)
# fmt: on

STRICT = (*_VOLUME, *_SURFACE)
"""What Table I does not tell."""

BLOCKS = {
    "The paper's convention": PAPER,
    "Strict: volume and bone": _VOLUME,
    "Strict: bone surfaces": _SURFACE,
}
"""The columns in groups that fit a page, by caption."""

CONVENTIONS = {"paper": PAPER, "strict": STRICT, "both": (*PAPER, *STRICT)}
"""What each named convention computes."""

METRICS = {metric.name: metric for metric in CONVENTIONS["both"]}
"""Every column by its name, the paper's first."""

COUNTS = {"FLOPs": "paper_flops", "FLOPs_true": "true_flops"}
"""The columns that belong to a network, and their keys in its file of counts."""

COLUMNS = [metric.name for metric in METRICS.values() if metric.score]
"""The columns that are scored scan by scan."""
