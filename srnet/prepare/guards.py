"""What tells a CT of a body in HU from everything else, and how much bone is plausible."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srnet.errors import ScanRejected
from srnet.prepare.kmeans import count_hu
from srnet.volume import Volume

__all__ = ["Histogram", "check_amount", "check_centres", "check_hu", "check_is_ct"]

SMALLEST_RANGE_HU = 500
AIR_AND_FAT_HU = -20
LEAST_AIR_AND_FAT = 0.05
TISSUE_HU = -200
LEAST_TISSUE = 0.005
LEAST_TISSUE_ML = 50.0
MODE_SMOOTHING_HU = 8.0
MODE_RANGE_HU = (-150, 130)
LEAST_BONE_CENTRE_HU = 200.0
THRESHOLD_RANGE_HU = (130.0, 260.0)
LEAST_BONE = 0.01
SUSPICIOUS_BONE = 0.2
MOST_BONE = 0.4


@dataclass(frozen=True)
class Histogram:
    """The different values of a scan in HU, how often each occurs, and the size of a voxel."""

    values: NDArray[np.int64]
    counts: NDArray[np.int64]
    voxel_ml: float

    @classmethod
    def of(cls, ct: Volume) -> "Histogram":
        """Count the values of an int16 volume."""
        values, counts = count_hu(ct.array)
        return cls(values, counts, float(np.prod(ct.grid.spacing_mm)) / 1000)

    def above(self, hu: float) -> int:
        """Return the number of voxels above a value."""
        return int(self.counts[self.values > hu].sum())

    def share_above(self, hu: float) -> float:
        """Return the share of voxels above a value."""
        return self.above(hu) / int(self.counts.sum())

    @property
    def tissue_mode_hu(self) -> int:
        """Return the most frequent value above air and lung, after smoothing."""
        low, high = TISSUE_HU, int(self.values[-1])
        dense = np.zeros(high - low)
        above = self.values > low
        dense[self.values[above] - low - 1] = self.counts[above]
        return low + 1 + int(np.argmax(ndimage.gaussian_filter1d(dense, MODE_SMOOTHING_HU)))


def check_hu(ct: Volume) -> Volume:
    """Return the scan with int16 values.

    Raises
    ------
    ScanRejected
        If a value is NaN or infinite.
    """
    if ct.array.dtype == np.int16:
        return ct
    bad = int(ct.array.size - np.isfinite(ct.array).sum())
    if bad:
        raise ScanRejected(f"{bad} voxels are NaN or infinite; convert the scan again")
    limits = np.iinfo(np.int16)
    whole = np.rint(np.clip(ct.array, limits.min, limits.max)).astype(np.int16)
    return Volume(whole, ct.grid)


def check_is_ct(histogram: Histogram) -> None:
    """Refuse what is no CT of a body in HU.

    Raises
    ------
    ScanRejected
        With the value that gives it away.
    """
    low, high = int(histogram.values[0]), int(histogram.values[-1])
    if low == high:
        raise ScanRejected(f"every voxel is {low}; the file is empty")
    if high - low < SMALLEST_RANGE_HU:
        raise ScanRejected(
            f"values run from {low} to {high} only, which is not HU; "
            "give the scan before any windowing or normalisation"
        )
    light = 1 - histogram.share_above(AIR_AND_FAT_HU)
    if light < LEAST_AIR_AND_FAT:
        raise ScanRejected(
            f"{light:.1%} of the voxels are below {AIR_AND_FAT_HU} HU, a CT has at least "
            f"{LEAST_AIR_AND_FAT:.0%} of air and fat; is this an MR scan, "
            "or is the rescale intercept missing?"
        )
    _check_tissue(histogram)


def _check_tissue(histogram: Histogram) -> None:
    share = histogram.share_above(TISSUE_HU)
    volume_ml = histogram.above(TISSUE_HU) * histogram.voxel_ml
    if share < LEAST_TISSUE or volume_ml < LEAST_TISSUE_ML:
        raise ScanRejected(
            f"only {volume_ml:.0f} ml ({share:.2%}) are denser than {TISSUE_HU} HU: "
            "there is no body in the scan"
        )
    mode, (low, high) = histogram.tissue_mode_hu, MODE_RANGE_HU
    if not low <= mode <= high:
        raise ScanRejected(
            f"the most frequent tissue is at {mode} HU, that of a body lies in {low}..{high}; "
            "is the rescale slope or intercept wrong, or is this no CT?"
        )


def check_centres(centres_hu: tuple[float, float], threshold_hu: float) -> None:
    """Refuse clusters that cannot be soft tissue and bone.

    Raises
    ------
    ScanRejected
        With the centre or the threshold.
    """
    low, high = THRESHOLD_RANGE_HU
    if centres_hu[-1] < LEAST_BONE_CENTRE_HU or not low <= threshold_hu <= high:
        raise ScanRejected(
            f"no bone: the denser cluster is centred at {centres_hu[-1]:.0f} HU "
            f"(at least {LEAST_BONE_CENTRE_HU:.0f} expected) and the threshold is "
            f"{threshold_hu:.0f} HU (expected in {low:.0f}..{high:.0f})"
        )


def check_amount(bone_ml: float, histogram: Histogram) -> list[str]:
    """Refuse an impossible amount of bone, and return a warning for a suspicious one.

    Raises
    ------
    ScanRejected
        With the share of bone in all tissue.
    """
    tissue_ml = histogram.above(TISSUE_HU) * histogram.voxel_ml
    share = bone_ml / tissue_ml
    if not LEAST_BONE <= share <= MOST_BONE:
        raise ScanRejected(
            f"{share:.1%} of the tissue ({bone_ml:.0f} of {tissue_ml:.0f} ml) would be bone, "
            f"plausible are {LEAST_BONE:.0%} to {MOST_BONE:.0%}; is this a CT of a body?"
        )
    if share > SUSPICIOUS_BONE:
        return [f"{share:.1%} of the tissue was taken for bone: contrast agent?"]
    return []
