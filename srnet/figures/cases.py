"""One test case as the figures show it: truth, x-rays, reconstructions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import h5py
import hdf5plugin  # noqa: F401  (registers the filters of stored data sets)
import numpy as np
from numpy.typing import NDArray

from srnet.errors import SrnetError
from srnet.volume import Grid, Volume
from srnet.xray import LEVELS

__all__ = ["NETWORK_UNIT", "Case", "choose_scan", "hounsfield", "network_value", "read_case"]

NETWORK_UNIT = 2500
"""Stored target value that the networks see as 1."""

AIR_HU = -1024.0

Value = TypeVar("Value", float, NDArray[np.float32])


def network_value(hu: float) -> float:
    """Return the network value of `hu`; -1024 HU and less is 0, 1476 HU is 1."""
    return (hu - AIR_HU) / NETWORK_UNIT


def hounsfield(value: Value) -> Value:
    """Return the HU that network values inside bone stand for, one or an array."""
    return value * NETWORK_UNIT + AIR_HU


@dataclass(frozen=True)
class Case:
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


def _scans(file: h5py.File) -> list[str]:
    return [str(scan) for scan in file["scan"].asstr()[:]]


def _truth(file: h5py.File, index: int) -> Volume:
    array = file["ct"][index].astype(np.float32) / np.float32(NETWORK_UNIT)
    down, back, left = file["spacing_mm"][index].tolist()
    right, anterior, superior = file["origin_mm"][index].tolist()
    grid = Grid(array.shape, (down, back, left), (right, anterior, superior))
    return Volume(array, grid)


def choose_scan(test_h5: str | Path, judge_h5: str | Path) -> str:
    """Return the test scan that `judge_h5` reconstructs with median squared error.

    Of an even number of scans it is the better of the middle two. Neither the
    best nor the first: a figure of one case should show the usual one.
    """
    with h5py.File(test_h5) as test, h5py.File(judge_h5) as judge:
        scans = _scans(test)
        errors = [
            float(np.mean((_truth(test, index).array - judge["ct"][index]) ** 2))
            for index in range(len(scans))
        ]
    if not scans:
        raise SrnetError(f"{test_h5}: holds no scan to show; add scans to the cohort")
    return scans[int(np.argsort(errors, kind="stable")[(len(errors) - 1) // 2])]


def read_case(test_h5: str | Path, prediction_h5s: Sequence[str | Path], scan: str) -> Case:
    """Read a test scan and its reconstruction from each of `prediction_h5s`.

    Raises
    ------
    SrnetError
        If `scan` is not in the test set, or a prediction was made for another
        test set.
    """
    with h5py.File(test_h5) as test:
        scans = _scans(test)
        if scan not in scans:
            raise SrnetError(
                f"figures.scan: '{scan}' is not in the test set; choose one of {', '.join(scans)}"
            )
        index = scans.index(scan)
        truth = _truth(test, index)
        ap, lateral = (
            test[view][index].astype(np.float32) / np.float32(LEVELS) for view in ("ap", "lateral")
        )
    made = dict(_reconstruction(path, scans, index) for path in prediction_h5s)
    return Case(scan, truth, ap, lateral, made)


def _reconstruction(
    path: str | Path, scans: list[str], index: int
) -> tuple[str, NDArray[np.float32]]:
    """Return the row that made a prediction file, and its volume of one scan."""
    with h5py.File(path) as file:
        if _scans(file) != scans:
            raise SrnetError(
                f"{path}: holds the scans {_scans(file)} where the test set holds {scans}; "
                "remove the file and make it again"
            )
        return str(file.attrs["row"]), file["ct"][index].astype(np.float32)
