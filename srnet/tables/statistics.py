"""Intervals of means and tests of differences between methods, by patient."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

RESAMPLES = 2000
"""Bootstrap samples of an interval."""

FEWEST_PATIENTS = 5
"""Fewer patients give no interval: resampling so few says nothing about others."""

_SEED = 20230718
"""A fixed seed: the same scores give the same interval, byte for byte."""


def bootstrap_intervals(
    scores: pd.DataFrame, metrics: list[str]
) -> dict[str, tuple[float, float]]:
    """Return 95 % percentile intervals of the means.

    Patients are drawn with replacement, each with all of its scans, since
    scans of one patient are not independent.

    Parameters
    ----------
    scores
        One row per scan, with a column `patient`.
    metrics
        Columns to average; scans without a value do not count.

    Returns
    -------
    dict
        Lower and upper end per metric; NaN if fewer than five patients have a value.
    """
    return {metric: _interval(scores["patient"], scores[metric]) for metric in metrics}


def _interval(patients: "pd.Series[str]", values: "pd.Series[float]") -> tuple[float, float]:
    grouped = values.groupby(patients, sort=True)
    counts = grouped.count().to_numpy(dtype=np.float64)
    sums = grouped.sum().to_numpy(dtype=np.float64)[counts > 0]
    counts = counts[counts > 0]
    if len(sums) < FEWEST_PATIENTS:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(_SEED).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def paired_p(first: pd.DataFrame, second: pd.DataFrame, metric: str) -> float:
    """Return the two-sided Wilcoxon signed-rank p of two methods on the same patients.

    The scans of a patient are averaged first. 1 if no patient differs, NaN if
    no patient has a value in both.
    """
    from scipy.stats import wilcoxon

    means = [table.groupby("patient")[metric].mean() for table in (first, second)]
    difference = (means[0] - means[1]).dropna().to_numpy(dtype=np.float64)
    if not difference.size:
        return float("nan")
    if not difference.any():
        return 1.0
    return float(wilcoxon(difference).pvalue)


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Holm's step-down adjusted p-values in the given order; NaN stay NaN."""
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted
