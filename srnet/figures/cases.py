"""One test case as the figures show it: target, x-rays, reconstructions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from srnet.core.errors import SrnetError
from srnet.dataset.hdf5 import read_dataset, read_predictions
from srnet.imaging.volume import Grid, Volume
from srnet.tables.printed import printed_name


@dataclass(frozen=True)
class FigureCase:
    """A test scan with all of its reconstructions.

    Attributes
    ----------
    scan
        Its id.
    target
        The target volume in network values, [0, 1].
    ap, lateral
        (S, S) grey values of the two x-rays in [0, 1], bone bright.
    reconstructions
        Row of the tables to (S, S, S) network values, not clipped, in the
        order in which they are to be shown.
    """

    scan: str
    target: Volume
    ap: NDArray[np.float32]
    lateral: NDArray[np.float32]
    reconstructions: Mapping[str, NDArray[np.float32]]

    def volumes(self) -> dict[str, NDArray[np.float32]]:
        """Return the target, named `target`, and every reconstruction after it."""
        return {"target": self.target.array, **self.reconstructions}

    def heads(self) -> list[str]:
        """Return what is printed over each of `volumes`."""
        return ["Ground truth", *map(printed_name, self.reconstructions)]

    def around_bone(self, level: float, margin_mm: float = 15.0) -> Self:
        """Return the case cut to the box around the target's bone; its x-rays stay whole.

        In a wide field of view the spine would fill only a few pixels of a figure.
        """
        grid = self.target.grid
        inside = np.argwhere(self.target.array > level)
        if len(inside) == 0:
            return self
        margin = np.ceil(margin_mm / np.array(grid.spacing_mm)).astype(int)
        low = np.maximum(inside.min(axis=0) - margin, 0)
        high = np.minimum(inside.max(axis=0) + 1 + margin, grid.shape)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        corner = grid.affine @ np.array([*low, 1.0])
        array = self.target.array[box]
        shape = (array.shape[0], array.shape[1], array.shape[2])
        origin = (float(corner[0]), float(corner[1]), float(corner[2]))
        return replace(
            self,
            target=Volume(array, Grid(shape, grid.spacing_mm, origin)),
            reconstructions={row: values[box] for row, values in self.reconstructions.items()},
        )


def put_first(prediction_h5s: Sequence[str | Path], row: str) -> list[str | Path]:
    """Return prediction files with that of `row` first; without it, with the last one first."""
    rows = [read_predictions(path).row for path in prediction_h5s]
    first = rows.index(row) if row in rows else len(rows) - 1
    return [prediction_h5s[first], *prediction_h5s[:first], *prediction_h5s[first + 1 :]]


def choose_scans(test_h5: str | Path, subject_h5: str | Path, count: int = 1) -> list[str]:
    """Return the test scans that `subject_h5` reconstructs with about median error.

    The first is the scan of median squared error, of an even number the better of the middle
    two; the others are next to it in rank, and repeat where the test set holds fewer than
    `count` scans.
    """
    ranked = rank_scans(test_h5, subject_h5)
    middle = (len(ranked) - 1) // 2
    order = sorted(range(len(ranked)), key=lambda rank: abs(rank - middle))
    return [ranked[order[number % len(order)]] for number in range(count)]


def rank_scans(test_h5: str | Path, subject_h5: str | Path) -> list[str]:
    """Return the test scans from the least to the greatest squared error of `subject_h5`."""
    samples, subject = read_dataset(test_h5), read_predictions(subject_h5)
    subject.check_made_for(samples)
    if not samples.scans:
        raise SrnetError(f"{test_h5}: holds no scan to show; add scans to the cohort")
    errors = [
        float(np.mean((samples.network_volume(index) - subject.network_volume(index)) ** 2))
        for index in range(len(samples))
    ]
    return [samples.scans[index] for index in np.argsort(errors, kind="stable")]


def read_case(test_h5: str | Path, prediction_h5s: Sequence[str | Path], scan: str) -> FigureCase:
    """Read a test scan and its reconstruction from each of `prediction_h5s`.

    Raises
    ------
    SrnetError
        If `scan` is not in the test set, or a prediction holds the scans of
        another test set.
    """
    samples = read_dataset(test_h5)
    if scan not in samples.scans:
        known = ", ".join(samples.scans)
        raise SrnetError(f"figures.scan: '{scan}' is not in the test set; choose one of {known}")
    index = samples.scans.index(scan)
    ap, lateral = samples.xrays(index)
    reconstructions = {}
    for path in prediction_h5s:
        prediction = read_predictions(path)
        prediction.check_made_for(samples)
        reconstructions[prediction.row] = prediction.network_volume(index)
    target = Volume(samples.network_volume(index), samples.grid(index))
    return FigureCase(scan, target, ap.grey, lateral.grey, reconstructions)
