"""Stage: scores of every vertebra and region of the test scans that have vertebra labels."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from srnet.acquire.labels import vertebra_labels
from srnet.acquire.scan import Scan
from srnet.core.errors import ScanRejected, SrnetError
from srnet.core.stamp import record_id
from srnet.dataset.hdf5 import DataSet, Predictions, read_dataset, read_predictions
from srnet.evaluate.evaluate import write_scores
from srnet.evaluate.metrics import METRICS
from srnet.evaluate.regions import MARGIN_MM, REGIONS, region_scores
from srnet.tables.printed import printed_name
from srnet.tables.statistics import FEWEST_PATIENTS, bootstrap_intervals
from srnet.tables.table_formats import Table, reasons, write_table

_SIGNS = ("Region", "Scans")
_KEYS = ["method", "scan", "patient", "part"]


def score_regions(
    prediction_h5s: Sequence[str | Path],
    test_h5: str | Path,
    labelled: Sequence[Scan],
    seed: int,
    bone_threshold: float,
) -> pd.DataFrame:
    """Score every labelled vertebra and region of the test set in every row.

    Parameters
    ----------
    prediction_h5s
        Reconstructions of the test set, one file for each row of the tables.
    test_h5
        The test set.
    labelled
        The scans of the cohort that have vertebra labels.
    seed
        Seed of the run, on which generated labels depend.
    bone_threshold
        Network value above which a voxel counts as bone.

    Returns
    -------
    DataFrame
        One line per method, scan and part: method, scan, patient, then the
        columns of `srnet.evaluate.regions.region_scores`. A scan whose labels
        cannot be read has no line.

    Raises
    ------
    SrnetError
        If a prediction was made for another test set, or labels are not VerSe's.
    """
    samples, rows = read_dataset(test_h5), [read_predictions(path) for path in prediction_h5s]
    for row in rows:
        if row.scans != samples.scans:
            raise SrnetError(f"{row.path} holds other scans than {test_h5}; predict them again")
    frames = [
        _scores(samples, index, labels, row, bone_threshold)
        for index, labels in _labels(samples, labelled, seed)
        for row in rows
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_KEYS)


def _labels(
    samples: DataSet, labelled: Sequence[Scan], seed: int
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the test scans that have labels, by index, with these on their own grid."""
    for scan in labelled:
        if scan.scan_id not in samples.scans:
            continue
        index = samples.scans.index(scan.scan_id)
        try:
            labels = vertebra_labels(scan, seed, samples.grid(index))
        except ScanRejected as rejection:
            logging.warning("%s is not scored by region: %s", scan.scan_id, rejection)
            continue
        yield index, labels


def _scores(
    samples: DataSet, index: int, labels: NDArray[np.uint8], row: Predictions, threshold: float
) -> pd.DataFrame:
    truth, prediction = samples.network_volume(index), row.network_volume(index)
    spacing = samples.grid(index).spacing_mm
    try:
        parts = region_scores(truth, prediction, labels, spacing, threshold)
    except SrnetError as mistake:
        raise SrnetError(f"{samples.scans[index]}: {mistake}") from None
    parts.insert(0, "method", row.row)
    parts.insert(1, "scan", samples.scans[index])
    parts.insert(2, "patient", samples.patients[index])
    return parts


def region_table(scores: pd.DataFrame) -> Table:
    """Return the means of every region, row by row, with their intervals by patient."""
    metrics = [metric for metric in METRICS if metric in scores]
    rows = [
        _line(str(method), region, frame, metrics)
        for region in REGIONS.values()
        for method, frame in scores[scores["part"] == region].groupby("method", sort=False)
    ]
    what = (
        "region: voxels nearer to one of its labelled vertebrae than to any other, and at most "
        f"{MARGIN_MM:g} mm away; means over the scans that show it"
    )
    notes = (
        what if rows else "no test scan has vertebra labels",
        *reasons({"regions": scores[scores["part"].isin(REGIONS.values())]}, metrics),
        f"intervals: 95 %, bootstrap of patients; none of fewer than {FEWEST_PATIENTS}",
        "every vertebra of every scan: regions.tsv",
        f"record: {record_id() or 'none, made outside a recorded job'}",
    )
    return Table("Scores by region of the spine", _SIGNS, pd.DataFrame(rows), notes)


def _line(
    method: str, region: str, frame: pd.DataFrame, metrics: list[str]
) -> dict[str, str | float]:
    line: dict[str, str | float] = {
        "Method": printed_name(method),
        "Region": region,
        "Scans": len(frame),
    }
    line |= {metric: float(frame[metric].mean()) for metric in metrics}
    for metric, (low, high) in bootstrap_intervals(frame, metrics).items():
        line |= {f"{metric}_low": low, f"{metric}_high": high}
    return line


def write_regions(scores: pd.DataFrame, tidy: str | Path, tables: Sequence[str | Path]) -> None:
    """Write all scores as TSV, and the means of the regions in the formats of the tables."""
    write_scores(tidy, scores)
    table = region_table(scores)
    for path in tables:
        write_table(path, table)
