"""Stage: one tidy table of every score, and how each row stands to 3DSRNet.

Every row of the tables was scored on the same scans, so it is compared pair
by pair: the mean difference with its bootstrap interval and a Wilcoxon
signed-rank test, both by patient, and both of Holm's corrections, over the
rows within one metric and over all tests made.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from srnet.atomic import atomic_path
from srnet.evaluate.columns import COLUMNS
from srnet.evaluate.evaluate import KEYS, read_scores, write_scores
from srnet.evaluate.statistics import bootstrap_intervals, holm, paired_p

__all__ = ["REFERENCE", "compare", "compare_methods", "tidy"]

REFERENCE = "srnet3d"
"""The row that every other is compared with."""


def compare_methods(
    scores: Sequence[str | Path], tidy_scores: str | Path, comparison: str | Path
) -> None:
    """Write the tidy table of all scores and the comparison of all rows.

    Parameters
    ----------
    scores
        TSV files of per-scan scores, one per row, named after the row.
    tidy_scores
        TSV to write: one line per row and scan.
    comparison
        TSV to write: one line per row and metric, see `compare`.
    """
    frames = {Path(path).stem: read_scores(path) for path in scores}
    write_scores(tidy_scores, tidy(frames))
    with atomic_path(comparison) as partial:
        compare(frames).to_csv(
            partial, sep="\t", index=False, float_format="%.9g", lineterminator="\n"
        )


def tidy(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return all scores as one table: method, scan, patient, source, metrics."""
    parts = [frame.assign(method=name) for name, frame in frames.items()]
    return pd.concat(parts, ignore_index=True)[["method", *KEYS, *COLUMNS]]


def compare(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Compare every row with the reference on every metric.

    Returns
    -------
    DataFrame
        One line per method and metric that has any value: `n` scans with a
        value; `mean`, `low`, `high` of the method; `difference` to the
        reference with `difference_low`, `difference_high`; `p` of the paired
        test, `p_holm_metric` corrected over the methods of this metric and
        `p_holm_all` over all tests. The comparison is empty for the reference
        itself, and everywhere if it was not scored.
    """
    lines = [
        _line(name, metric, frame, frames.get(REFERENCE))
        for metric in _with_values(frames.values())
        for name, frame in frames.items()
    ]
    table = pd.DataFrame(lines)
    table["p_holm_metric"] = np.nan
    for _, group in table.groupby("metric", sort=False):
        table.loc[group.index, "p_holm_metric"] = holm(group["p"].to_numpy(dtype=np.float64))
    table["p_holm_all"] = holm(table["p"].to_numpy(dtype=np.float64))
    return table


def _with_values(frames: Iterable[pd.DataFrame]) -> list[str]:
    known = [frame.notna().any() for frame in frames]
    return [metric for metric in COLUMNS if any(bool(has[metric]) for has in known)]


def _line(
    name: str, metric: str, frame: pd.DataFrame, reference: pd.DataFrame | None
) -> dict[str, str | float]:
    low, high = bootstrap_intervals(frame, [metric])[metric]
    line: dict[str, str | float] = {
        "method": name,
        "metric": metric,
        "n": int(frame[metric].notna().sum()),
        "mean": float(frame[metric].mean()),
        "low": low,
        "high": high,
    }
    return line | _against(name, metric, frame, reference)


def _against(
    name: str, metric: str, frame: pd.DataFrame, reference: pd.DataFrame | None
) -> dict[str, float]:
    """Return the paired comparison with the reference, NaN for the reference itself."""
    names = ("difference", "difference_low", "difference_high", "p")
    if reference is None or name == REFERENCE:
        return dict.fromkeys(names, float("nan"))
    paired = frame[["patient"]].assign(**{metric: frame[metric] - reference[metric]})
    low, high = bootstrap_intervals(paired, [metric])[metric]
    values = (float(paired[metric].mean()), low, high, paired_p(frame, reference, metric))
    return dict(zip(names, values, strict=True))
