"""Stage: one tidy table of every score, and a comparison of each row with 3DSRNet.

An ablation is compared with the whole method of its own table instead, which may have
another loss. Every row was scored on the same scans, so they are compared pair by
pair: the mean difference with its bootstrap interval and a Wilcoxon
signed-rank test, both by patient, and both of Holm's corrections, over the
rows within one metric and over all tests made.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from srnet.core.atomic import atomic_path
from srnet.evaluate.metrics import COLUMNS
from srnet.evaluate.scores import KEYS, check_same_scans, read_scores, write_scores
from srnet.tables.statistics import bootstrap_intervals, holm, paired_p

REFERENCE = "srnet3d"
"""The row that every other is compared with that names no reference of its own."""


def compare_methods(
    scores: Sequence[str | Path],
    tidy_scores: str | Path,
    comparison: str | Path,
    references: Mapping[str, str],
) -> None:
    """Write the tidy table of all scores and the comparison of all rows.

    Parameters
    ----------
    scores
        TSV files of per-scan scores, one per row, named after the row.
    tidy_scores
        TSV to write: one line per row and scan.
    comparison
        TSV to write: one line per row and metric, see `compare_rows`.
    references
        For an ablation, the whole method that it was taken from.
    """
    frames = {Path(path).stem: read_scores(path) for path in scores}
    write_scores(tidy_scores, tidy(frames))
    with atomic_path(comparison) as partial:
        compare_rows(frames, references).to_csv(
            partial, sep="\t", index=False, float_format="%.9g", lineterminator="\n"
        )


def tidy(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return all scores as one table: method, scan, patient, source, metrics."""
    parts = [frame.assign(method=name) for name, frame in frames.items()]
    return pd.concat(parts, ignore_index=True)[["method", *KEYS, *COLUMNS]]


def compare_rows(
    frames: Mapping[str, pd.DataFrame], references: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Compare every row with its reference on every metric.

    Returns
    -------
    DataFrame
        One line per method and metric that has any value: `n` scans with a
        value; `mean`, `low`, `high` of the method; `reference`, the row it is
        compared with, `REFERENCE` unless `references` names another, and
        `difference` to that with `difference_low`, `difference_high`; `p` of
        the paired test, `p_holm_metric` corrected over the methods of this
        metric and `p_holm_all` over all tests. The comparison is empty for
        `REFERENCE` itself, and where the reference was not scored.

    Raises
    ------
    SrnetError
        If the rows were not scored on the same scans.
    """
    check_same_scans(frames)
    given = [metric for metric in COLUMNS if any(f[metric].notna().any() for f in frames.values())]
    lines = []
    for metric in given:
        for name, frame in frames.items():
            reference = (references or {}).get(name, REFERENCE)
            if reference == name or reference not in frames:
                reference = ""
            low, high = bootstrap_intervals(frame, [metric])[metric]
            line: dict[str, str | float] = {
                "method": name,
                "metric": metric,
                "n": int(frame[metric].notna().sum()),
                "mean": float(frame[metric].mean()),
                "low": low,
                "high": high,
                "reference": reference,
            }
            lines.append({**line, **_differences(metric, frame, frames.get(reference))})
    table = pd.DataFrame(lines)
    table["p_holm_metric"] = np.nan
    for _, group in table.groupby("metric", sort=False):
        table.loc[group.index, "p_holm_metric"] = holm(group["p"].to_numpy(dtype=np.float64))
    table["p_holm_all"] = holm(table["p"].to_numpy(dtype=np.float64))
    return table


def _differences(
    metric: str, frame: pd.DataFrame, reference: pd.DataFrame | None
) -> dict[str, float]:
    """Return the paired comparison with the reference, NaN without one."""
    names = ("difference", "difference_low", "difference_high", "p")
    if reference is None:
        return dict.fromkeys(names, float("nan"))
    paired = frame[["patient"]].assign(**{metric: frame[metric] - reference[metric]})
    low, high = bootstrap_intervals(paired, [metric])[metric]
    values = (float(paired[metric].mean()), low, high, paired_p(frame, reference, metric))
    return dict(zip(names, values, strict=True))
