"""Stage: make one table of the paper from the scores of its rows.

Its CSV begins with the paper's columns in the paper's order, then the strict ones, the 95 %
intervals and the values that the paper prints. The notes of the table follow as lines that
start with `#`, which `pandas.read_csv(path, comment="#")` passes over.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from srnet.core.stamp import record_id
from srnet.core.text import read_rows
from srnet.evaluate.metrics import COLUMNS, COUNTS, METRICS, PAPER
from srnet.evaluate.scores import check_same_scans, read_scores
from srnet.tables.printed import SIGNS, TITLES, Traits, printed_name, printed_scores, traits
from srnet.tables.statistics import FEWEST_PATIENTS, RESAMPLES, bootstrap_intervals
from srnet.tables.table_formats import Table, reasons, write_table


def make_table(
    table: str,
    scores: Sequence[str | Path],
    flops: str | Path,
    methods: Mapping[str, Mapping[str, Any]],
    split: str | Path,
    rejected: str | Path,
    size: int,
    outputs: Sequence[str | Path],
) -> None:
    """Write one table in the format that the suffix of each output names.

    Parameters
    ----------
    table
        "table1", "table2" or "table3".
    scores
        TSV files of per-scan scores, one per row, named after the row, baselines first.
    flops
        JSON file of operation counts by method.
    methods
        Network (`net`) and loss weights (`loss`) of every method, as plain types.
    split, rejected
        TSV files with one row per scan of the split (scan, patient and part), and per
        rejected scan.
    size
        Edge of the volumes in voxels.
    outputs
        Files with the suffixes .csv, .md, .tex or .html.

    Raises
    ------
    SrnetError
        If the rows were not scored on the same scans.
    """
    frames = {Path(path).stem: read_scores(path) for path in scores}
    check_same_scans(frames)
    counts = json.loads(Path(flops).read_text(encoding="utf-8"))
    rows = [
        _row(table, name, frame, methods.get(name), counts.get(name))
        for name, frame in frames.items()
    ]
    notes = (
        *_cohort_notes(split, rejected, size),
        *_flops_notes(methods),
        *reasons(frames, COLUMNS),
        _interval_note(frames),
        _PRINTED_NOTE,
        f"record: {record_id() or 'none, made outside a recorded job'}",
    )
    for output in outputs:
        write_table(output, Table(TITLES[table], SIGNS[table], pd.DataFrame(rows), notes))


def _row(
    table: str,
    name: str,
    frame: pd.DataFrame,
    settings: Mapping[str, Any] | None,
    counts: Mapping[str, float] | None,
) -> dict[str, str | float]:
    """Return one row; a baseline has neither settings nor counts of operations."""
    method = traits(settings["net"], settings["loss"]) if settings else Traits("", published=False)
    values = {metric: float(frame[metric].mean()) for metric in COLUMNS}
    values |= {metric: counts[key] / 1e9 if counts else np.nan for metric, key in COUNTS.items()}
    row: dict[str, str | float] = {"Method": printed_name(name)}
    row |= {part: method.sign(part) for part in SIGNS[table]}
    row |= {metric: values[metric] for metric in METRICS}
    for metric, (low, high) in bootstrap_intervals(frame, COLUMNS).items():
        row |= {f"{metric}_low": low, f"{metric}_high": high}
    printed = printed_scores(table, method)
    return row | {f"{metric.name}_printed": printed.get(metric.name, np.nan) for metric in PAPER}


def _flops_notes(methods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say which counts of operations are empty, and which leave something out."""
    notes = [f"FLOPs: empty for baselines: {METRICS['FLOPs'].undefined}"]
    if any(method["net"].get("physics") == "mlem" for method in methods.values()):
        notes.append("FLOPs: thop counts no matrix products, so no ML-EM; FLOPs_true has both")
    return notes


_PRINTED_NOTE = (
    "printed: the paper's values, of its own scans, split and sizes; "
    "what they can mean: docs/reading-the-tables.md"
)


def _interval_note(scores: Mapping[str, pd.DataFrame]) -> str:
    patients = next(iter(scores.values()))["patient"].nunique()
    if patients < FEWEST_PATIENTS:
        return f"intervals: none, of fewer than {FEWEST_PATIENTS} patients they mean nothing"
    return (
        f"intervals: 95 %, {RESAMPLES} bootstrap samples of {patients} patients; "
        f"none where fewer than {FEWEST_PATIENTS} have a value"
    )


def _cohort_notes(split_tsv: str | Path, rejected_tsv: str | Path, size: int) -> list[str]:
    """Count scans, patients, rejected scans and patients on both sides of the split."""
    split, rejected = (pd.DataFrame(read_rows(path)) for path in (split_tsv, rejected_tsv))
    test = split[split["part"] == "test"]
    elsewhere = set(split.loc[split["part"] != "test", "patient"])
    leaked = set(test["patient"]) & elsewhere
    return [
        f"volumes: {size} voxels a side; the paper's: 128",
        f"test scans: {len(test)}",
        f"test patients: {test['patient'].nunique()}",
        f"rejected scans: {len(rejected)}",
        f"leaked patients (in the test set and outside it): {len(leaked)}",
    ]
