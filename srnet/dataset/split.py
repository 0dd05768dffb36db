"""The files `split.tsv` and `rejected.tsv`: what became of every scan of the cohort."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from srnet.core.atomic import write_text
from srnet.core.errors import SrnetError
from srnet.core.text import read_rows

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class SplitScan:
    """One row of `split.tsv`."""

    scan: str
    patient: str
    source: str
    part: Part


@dataclass(frozen=True)
class RejectedScan:
    """One row of `rejected.tsv`: the stage that refused the scan, and why."""

    scan: str
    patient: str
    source: str
    stage: str
    reason: str


def write_split(path: str | Path, split: Iterable[SplitScan]) -> None:
    """Write `split.tsv`."""
    _write_rows(path, SplitScan, split)


def write_rejected(path: str | Path, rejected: Iterable[RejectedScan]) -> None:
    """Write `rejected.tsv`."""
    _write_rows(path, RejectedScan, rejected)


def _write_rows(
    path: str | Path,
    kind: type[SplitScan | RejectedScan],
    rows: Iterable[SplitScan | RejectedScan],
) -> None:
    text = io.StringIO()
    names = [field.name for field in fields(kind)]
    writer = csv.DictWriter(text, names, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_text(path, text.getvalue())


def read_split(path: str | Path) -> list[SplitScan]:
    """Read a `split.tsv` that `write_split` wrote, or one made by hand.

    Raises
    ------
    SrnetError
        If a column is missing or a part is unknown.
    """
    names = [field.name for field in fields(SplitScan)]
    rows = [SplitScan(**row) for row in read_rows(path, names)]  # type: ignore[arg-type]
    for row in rows:
        if row.part not in get_args(Part):
            raise SrnetError(
                f"{path}: scan {row.scan} is in part '{row.part}'; "
                f"known are {', '.join(get_args(Part))}"
            )
    return rows
