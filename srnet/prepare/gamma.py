"""Gamma correction of an x-ray image, equations 19 and 20 of the paper."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["correct_gamma", "gamma_of_mean"]

TARGET_MEAN = 0.01
"""Grey level onto which equation 20 maps the mean of the image."""


def gamma_of_mean(mean: float) -> float:
    """Return the exponent of equation 20, log 0.01 / log(m / 255).

    Parameters
    ----------
    mean
        Mean grey of the image in [0, 1], the paper's m / 255.

    Returns
    -------
    The exponent; 1, which changes nothing, for an empty image (mean 0) and a
    saturated one (mean 1), for which equation 20 has no finite value above 0.
    """
    if not 0 < mean < 1:
        return 1.0
    return math.log10(TARGET_MEAN) / math.log10(mean)


def correct_gamma(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `grey ** gamma`, equation 19 with A = 1, of an image in [0, 1].

    Parameters
    ----------
    grey
        One image (rows, columns); values outside [0, 1] are clipped.
    """
    inside = np.clip(grey, 0, 1)
    gamma = gamma_of_mean(float(inside.mean(dtype=np.float64)))
    return (inside ** np.float32(gamma)).astype(np.float32)
