"""PSNR and cosine of two whole volumes, which need nothing but numpy.

They stand apart from `srnet.evaluate.metrics` because trainings are validated with them: code
that a training imports makes it run again when it changes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.imaging.target import TARGET_MAX

PEAK = 4095
"""Maximum that the paper's PSNR refers to: the largest value of a 12-bit CT."""

IDENTICAL_DB = 100.0
"""PSNR of identical arrays, and the largest PSNR that is reported."""


def psnr(mse: float, peak: float) -> float:
    """Return `20 log10(peak / sqrt(mse))` in dB, at most 100."""
    if mse == 0:
        return IDENTICAL_DB
    return float(np.minimum(IDENTICAL_DB, 20 * np.log10(peak / np.sqrt(mse))))


def psnr3d(target: NDArray[Any], prediction: NDArray[Any]) -> float:
    """Return the PSNR in dB over all voxels of network values, maximum 4095, not truncated."""
    return psnr(float(np.mean(np.square((prediction - target) * TARGET_MAX))), PEAK)


def cosine(target: NDArray[Any], prediction: NDArray[Any]) -> float:
    """Return the cosine between two volumes taken as vectors.

    0 if just one of them is zero everywhere, 1 if both are.
    """
    a, b = (x.ravel().astype(np.float64) for x in (target, prediction))
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    if lengths == 0:
        return float(not a.any() and not b.any())
    return min(float(a @ b) / lengths, 1.0)  # Rounding may lift a perfect one above it.
