"""Stage: scores of every vertebra and region of the test scans that have vertebra labels.

A prediction has no labels. Space is therefore divided among the labelled vertebrae: the cell of
a vertebra is every voxel nearer to it than to any other, up to a margin, and what the
prediction holds there is scored as its attempt at that vertebra.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from srnet.acquire.labels import vertebra_labels
from srnet.acquire.scan import Scan
from srnet.core.errors import ScanRejected, SrnetError
from srnet.core.stamp import record_id
from srnet.dataset.hdf5 import DataSet, read_dataset, read_predictions
from srnet.evaluate.metrics import METRICS, ScoredPair, score_pair
from srnet.evaluate.scores import write_scores
from srnet.evaluate.surface import SurfaceDistances
from srnet.imaging.target import TARGET_MAX
from srnet.tables.printed import printed_name
from srnet.tables.statistics import FEWEST_PATIENTS, bootstrap_intervals
from srnet.tables.table_formats import Table, reasons, write_table

MARGIN_MM = 5.0
"""How far beyond a labelled vertebra its cell reaches."""

VERTEBRAE = {
    **{label: f"C{label}" for label in range(1, 8)},
    **{label: f"T{label - 7}" for label in range(8, 20)},
    28: "T13",
    **{label: f"L{label - 19}" for label in range(20, 26)},
}
"""Labels as VerSe numbers them, from top to bottom."""

REGIONS = {"C": "cervical", "T": "thoracic", "L": "lumbar"}
"""First letter of a vertebra and its region."""

_OTHER_LABELS = (0, 26, 27)  # background, sacrum, coccyx
_KEYS = ["method", "scan", "patient", "part"]
_METRICS = [
    METRICS[name]
    for name in ("PSNR3D", "Dice", "MAE_bone", "HD95_mm", "ASSD_mm", "SD_1mm", "SD_2mm")
]


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
        Predictions of the test set, one file for each row of the tables.
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
        columns of `region_scores`. A scan whose labels cannot be read has no line.

    Raises
    ------
    SrnetError
        If a prediction was made for another test set, or labels are not VerSe's.
    """
    samples, rows = read_dataset(test_h5), [read_predictions(path) for path in prediction_h5s]
    for row in rows:
        row.check_made_for(samples)
    frames = []
    for index, labels in _labels(samples, labelled, seed):
        scan, spacing = samples.scans[index], samples.grid(index).spacing_mm
        for row in rows:
            volumes = samples.network_volume(index), row.network_volume(index)
            try:
                parts = region_scores(ScoredPair(*volumes, spacing, bone_threshold), labels)
            except SrnetError as mistake:
                raise SrnetError(f"{scan}: {mistake}") from None
            names = {"method": row.row, "scan": scan, "patient": samples.patients[index]}
            frames.append(parts.assign(**names)[[*names, *parts.columns]])
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


def region_scores(pair: ScoredPair, labels: NDArray[np.integer]) -> pd.DataFrame:
    """Score every labelled vertebra and every region.

    Parameters
    ----------
    pair
        Target and prediction, (D, H, W).
    labels
        Vertebra labels on the same grid, numbered as in VerSe. Sacrum and
        coccyx take part in dividing the space, but have no row.

    Returns
    -------
    DataFrame
        One row per vertebra from top to bottom, then one per region: `part`,
        `voxels` of its cell, and PSNR3D, Dice, MAE_bone, HD95_mm, ASSD_mm,
        SD_1mm and SD_2mm inside it. MAE_bone is NaN where the target has no
        bone. Distances go to the nearest surface anywhere.

    Raises
    ------
    SrnetError
        If the grids differ, or a label is none of VerSe's.
    """
    if pair.target.shape != labels.shape:
        raise SrnetError(
            f"volumes of shape {pair.target.shape} and labels of shape {labels.shape} must lie "
            "on one grid; resample the labels by nearest neighbour"
        )
    found = {int(label) for label in np.unique(labels)}
    unknown = sorted(found - set(VERTEBRAE) - set(_OTHER_LABELS))
    if unknown:
        raise SrnetError(f"labels {unknown} are no vertebrae; VerSe numbers C1 as 1 to L6 as 25")
    present = {label: name for label, name in VERTEBRAE.items() if label in found}
    parts = {name: [label] for label, name in present.items()}
    for letter, region in REGIONS.items():
        members = [label for label, name in present.items() if name.startswith(letter)]
        parts |= {region: members} if members else {}
    cells = _cells(labels, pair.spacing_mm)
    error = np.abs(pair.prediction - pair.target).astype(np.float64) * TARGET_MAX
    rows = []
    for name, members in parts.items():
        cell = np.isin(cells, members)
        scores = score_pair(_PairInside(pair, cell, error), _METRICS)
        rows.append({"part": name, "voxels": int(cell.sum()), **scores})
    return pd.DataFrame(rows)


def _cells(
    labels: NDArray[np.integer], spacing_mm: tuple[float, float, float]
) -> NDArray[np.integer]:
    """Return the label of the nearest labelled voxel, 0 beyond the margin."""
    from scipy import ndimage

    distance, nearest = ndimage.distance_transform_edt(
        labels == 0, sampling=spacing_mm, return_indices=True
    )
    return np.where(distance <= MARGIN_MM, labels[tuple(nearest)], 0)


class _PairInside(ScoredPair):
    """A pair seen inside a cell only; `error` is in levels and covers the whole volume."""

    def __init__(
        self, whole: ScoredPair, cell: NDArray[np.bool_], error: NDArray[np.float64]
    ) -> None:
        self.whole, self.cell, self.error = whole, cell, error

    @cached_property
    def mean_squared_error(self) -> float:
        return float(np.mean(np.square(self.error[self.cell])))

    @cached_property
    def target_bone(self) -> NDArray[np.bool_]:
        return self.whole.target_bone & self.cell

    @cached_property
    def prediction_bone(self) -> NDArray[np.bool_]:
        return self.whole.prediction_bone & self.cell

    @cached_property
    def surfaces_mm(self) -> SurfaceDistances:
        return self.whole.surfaces_mm.inside(self.cell)


def region_table(scores: pd.DataFrame) -> Table:
    """Return the means of every region, row by row, with their intervals by patient."""
    metrics = [metric for metric in METRICS if metric in scores]
    rows = []
    for region in REGIONS.values():
        for method, frame in scores[scores["part"] == region].groupby("method", sort=False):
            line: dict[str, str | float] = {
                "Method": printed_name(str(method)),
                "Region": region,
                "Scans": len(frame),
                **{metric: float(frame[metric].mean()) for metric in metrics},
            }
            for metric, (low, high) in bootstrap_intervals(frame, metrics).items():
                line |= {f"{metric}_low": low, f"{metric}_high": high}
            rows.append(line)
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
    return Table("Scores by region of the spine", ("Region", "Scans"), pd.DataFrame(rows), notes)


def write_regions(scores: pd.DataFrame, tidy: str | Path, tables: Sequence[str | Path]) -> None:
    """Write all scores as TSV, and the means of the regions in the formats of the tables."""
    write_scores(tidy, scores)
    table = region_table(scores)
    for path in tables:
        write_table(path, table)
