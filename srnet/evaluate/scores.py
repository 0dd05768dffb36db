"""Files of scores: one row per scan, a column for each metric."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import pandas as pd

from srnet.core.atomic import atomic_path
from srnet.core.errors import SrnetError
from srnet.core.text import read_text
from srnet.evaluate.metrics import COLUMNS

KEYS = ["scan", "patient", "source"]
"""What names a row of the scores, before the columns of the metrics."""


def write_scores(path: str | Path, scores: pd.DataFrame) -> None:
    """Write per-scan scores as TSV with nine significant digits."""
    with atomic_path(path) as partial:
        scores.to_csv(partial, sep="\t", index=False, float_format="%.9g", lineterminator="\n")


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read per-scan scores; empty cells are NaN, names stay text (a scan may be called NA).

    Raises
    ------
    SrnetError
        If the file is no table of scores.
    """
    try:
        scores = pd.read_csv(
            StringIO(read_text(path)),
            sep="\t",
            dtype=dict.fromkeys(KEYS, str) | dict.fromkeys(COLUMNS, float),
            keep_default_na=False,
            na_values={column: [""] for column in COLUMNS},
        )
    except (ValueError, pd.errors.ParserError) as failure:
        if isinstance(failure, SrnetError):
            raise
        raise SrnetError(
            f"{path}: cannot be read as a table of scores ({failure}); delete it and run again"
        ) from None
    if missing := [name for name in KEYS if name not in scores.columns]:
        raise SrnetError(f"{path}: has no column '{missing[0]}'; delete it and run again")
    return scores


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
