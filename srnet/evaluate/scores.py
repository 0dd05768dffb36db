"""Files of scores: one row per scan, a column for each metric."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from srnet.core.atomic import atomic_path
from srnet.core.errors import SrnetError
from srnet.evaluate.metrics import COLUMNS

KEYS = ["scan", "patient", "source"]
"""What names a row of the scores, before the columns of the metrics."""


def write_scores(path: str | Path, scores: pd.DataFrame) -> None:
    """Write per-scan scores as TSV with nine significant digits."""
    with atomic_path(path) as partial:
        scores.to_csv(partial, sep="\t", index=False, float_format="%.9g", lineterminator="\n")


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read per-scan scores; empty cells are NaN, names stay text (a scan may be called NA)."""
    return pd.read_csv(
        path,
        sep="\t",
        dtype=dict.fromkeys(KEYS, str),
        keep_default_na=False,
        na_values={column: [""] for column in COLUMNS},
    )


def check_same_scans(scores: Mapping[str, pd.DataFrame]) -> None:
    """Refuse rows that were not scored on the same scans in the same order."""
    first, *others = scores
    expected = list(scores[first]["scan"])
    for name in others:
        if list(scores[name]["scan"]) != expected:
            raise SrnetError(
                f"scores of '{name}' and '{first}' list different scans; "
                "remove both score files and run again"
            )
