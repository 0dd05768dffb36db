"""One test case as the figures show it: truth, x-rays, reconstructions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from srnet.core.errors import SrnetError
from srnet.dataset.hdf5 import DataSet, Predictions, read_dataset, read_predictions
from srnet.imaging.target import HU_OFFSET, TARGET_MAX
from srnet.imaging.volume import Grid, Volume
from srnet.tables.printed import printed_name

TRUTH = "Ground truth"
"""What the truth is called in print."""

Value = TypeVar("Value", float, NDArray[np.float32])


def network_value(hu: float) -> float:
    """Return the network value of `hu`; -1024 HU is 0, 1476 HU is 1."""
    return (hu + HU_OFFSET) / TARGET_MAX


def hounsfield(value: Value) -> Value:
    """Return the HU that network values inside bone stand for, one or an array."""
    return value * TARGET_MAX - HU_OFFSET


@dataclass(frozen=True)
class FigureCase:
    """A test scan with everything that was made of it.

    Attributes
    ----------
    scan
        Its id.
    truth
        The target volume in network values, [0, 1].
    ap, lateral
        (S, S) grey values of the two x-rays in [0, 1], bone bright.
    reconstructions
        Row of the tables to (S, S, S) network values, not clipped, in the
        order in which they are to be shown.
    """

    scan: str
    truth: Volume
    ap: NDArray[np.float32]
    lateral: NDArray[np.float32]
    reconstructions: Mapping[str, NDArray[np.float32]]

    def volumes(self) -> dict[str, NDArray[np.float32]]:
        """Return the truth, named `truth`, and every reconstruction after it."""
        return {"truth": self.truth.array, **self.reconstructions}

    def heads(self) -> list[str]:
        """Return what is printed over each of `volumes`."""
        return [TRUTH, *map(printed_name, self.reconstructions)]

    def around_bone(self, level: float, margin_mm: float = 15.0) -> Self:
        """Return the case cut to the box around the truth's bone; its x-rays stay whole.

        A wide field of view would leave the spine a few pixels of a figure.
        """
        grid = self.truth.grid
        inside = np.argwhere(self.truth.array > level)
        if len(inside) == 0:
            return self
        margin = np.ceil(margin_mm / np.array(grid.spacing_mm)).astype(int)
        low = np.maximum(inside.min(axis=0) - margin, 0)
        high = np.minimum(inside.max(axis=0) + 1 + margin, grid.shape)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        corner = grid.affine @ np.array([*low, 1.0])
        array = self.truth.array[box]
        shape = (array.shape[0], array.shape[1], array.shape[2])
        origin = (float(corner[0]), float(corner[1]), float(corner[2]))
        return replace(
            self,
            truth=Volume(array, Grid(shape, grid.spacing_mm, origin)),
            reconstructions={row: made[box] for row, made in self.reconstructions.items()},
        )


def put_first(predictions: Sequence[str | Path], row: str) -> list[str | Path]:
    """Return prediction files with that of `row` first; without it, with the last one first."""
    rows = [read_predictions(path).row for path in predictions]
    first = rows.index(row) if row in rows else len(rows) - 1
    return [predictions[first], *predictions[:first], *predictions[first + 1 :]]


def choose_scans(test_h5: str | Path, judge_h5: str | Path, count: int = 1) -> list[str]:
    """Return the test scans that `judge_h5` reconstructs with the most usual error.

    Neither the best nor the first: a figure of few cases should show usual
    ones. The first is the scan of median squared error, of an even number the
    better of the middle two; the others are next to it in rank, and repeat
    where the test set holds fewer than `count` scans.
    """
    ranked = rank_scans(test_h5, judge_h5)
    middle = (len(ranked) - 1) // 2
    order = sorted(range(len(ranked)), key=lambda rank: abs(rank - middle))
    return [ranked[order[number % len(order)]] for number in range(count)]


def rank_scans(test_h5: str | Path, judge_h5: str | Path) -> list[str]:
    """Return the test scans from the least to the greatest squared error of `judge_h5`."""
    samples, judge = read_dataset(test_h5), read_predictions(judge_h5)
    _check_same_scans(samples, judge)
    if not samples.scans:
        raise SrnetError(f"{test_h5}: holds no scan to show; add scans to the cohort")
    errors = [
        float(np.mean((samples.network_volume(index) - judge.network_volume(index)) ** 2))
        for index in range(len(samples))
    ]
    return [samples.scans[index] for index in np.argsort(errors, kind="stable")]


def read_case(test_h5: str | Path, prediction_h5s: Sequence[str | Path], scan: str) -> FigureCase:
    """Read a test scan and its reconstruction from each of `prediction_h5s`.

    Raises
    ------
    SrnetError
        If `scan` is not in the test set, or a prediction was made for another
        test set.
    """
    samples = read_dataset(test_h5)
    if scan not in samples.scans:
        known = ", ".join(samples.scans)
        raise SrnetError(f"figures.scan: '{scan}' is not in the test set; choose one of {known}")
    index = samples.scans.index(scan)
    ap, lateral = samples.xrays(index)
    made = {}
    for path in prediction_h5s:
        prediction = read_predictions(path)
        _check_same_scans(samples, prediction)
        made[prediction.row] = prediction.network_volume(index)
    truth = Volume(samples.network_volume(index), samples.grid(index))
    return FigureCase(scan, truth, ap.grey, lateral.grey, made)


def _check_same_scans(samples: DataSet, prediction: Predictions) -> None:
    if samples.scans != prediction.scans:
        raise SrnetError(
            f"{prediction.path}: holds the scans {', '.join(prediction.scans)} where the test set "
            f"holds {', '.join(samples.scans)}; remove the file and make it again"
        )
