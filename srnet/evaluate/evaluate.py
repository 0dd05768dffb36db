"""Stage: score the reconstructions of one row of the tables, scan by scan."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the compression that the data set may use)
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from srnet.config.evaluate import EvaluateSettings
from srnet.core.atomic import atomic_path
from srnet.core.errors import SrnetError
from srnet.core.rejection import raise_if_rejected
from srnet.evaluate.metrics import COLUMNS, FULL_SCALE, paper_scores, strict_scores
from srnet.evaluate.reprojection import reprojection_error
from srnet.imaging.geometry import ConeBeam
from srnet.imaging.xray import LEVELS

KEYS = ["scan", "patient", "source"]
"""What names a row of the scores, before the columns of the metrics."""


PairScore = Callable[[NDArray[np.float32], NDArray[np.float32]], float]


@dataclass(frozen=True)
class ScoredPair:
    """One test scan: its truth, its reconstruction, and the x-rays between them.

    `truth` and `prediction` are network values, (S, S, S) float32;
    `integrals_hu_mm` are the line integrals of the AP and the lateral x-ray,
    (2, S, S), and `beam` is the geometry in which they were made.
    """

    scan: str
    patient: str
    source: str
    truth: NDArray[np.float32]
    prediction: NDArray[np.float32]
    spacing_mm: tuple[float, float, float]
    integrals_hu_mm: NDArray[np.float32]
    beam: ConeBeam


def evaluate(
    prediction: str | Path, test_set: str | Path, settings: EvaluateSettings
) -> pd.DataFrame:
    """Score every scan of the test set.

    Parameters
    ----------
    prediction
        HDF5 file of reconstructions.
    test_set
        HDF5 file of the test set.
    settings
        What counts as bone, and where the features for LPIPS are.

    Returns
    -------
    DataFrame
        One row per scan in the order of the test set: scan, patient, source,
        then every metric; NaN where a metric has no value.

    Raises
    ------
    SrnetError
        If the reconstructions are not of this test set or hold NaN.
    """
    perceptual = _perceptual(settings)
    rows = [_score(pair, settings, perceptual) for pair in read_pairs(prediction, test_set)]
    return pd.DataFrame(rows, columns=[*KEYS, *COLUMNS])


def read_pairs(prediction: str | Path, test_set: str | Path) -> Iterator[ScoredPair]:
    """Yield truth and reconstruction of every test scan, in the order of the test set.

    Raises
    ------
    SrnetError
        If the two files do not list the same scans in the same order.
    """
    raise_if_rejected(prediction)
    raise_if_rejected(test_set)
    with h5py.File(prediction) as made, h5py.File(test_set) as test:
        names = list(test["scan"].asstr()[:])
        if list(made["scan"].asstr()[:]) != names:
            raise SrnetError(
                f"{prediction} holds other scans than {test_set}; predict this test set again"
            )
        for index in range(len(names)):
            yield _pair(test, np.asarray(made["ct"][index], dtype=np.float32), index)


def _pair(test: h5py.File, prediction: NDArray[np.float32], index: int) -> ScoredPair:
    grey = np.stack([test[view][index] for view in ("ap", "lateral")]) / np.float32(LEVELS)
    integrals = grey * np.asarray(test["full_scale_hu_mm"][index])[:, None, None]
    down, back, left = (float(step) for step in test["spacing_mm"][index])
    return ScoredPair(
        scan=str(test["scan"].asstr()[index]),
        patient=str(test["patient"].asstr()[index]),
        source=str(test["source"].asstr()[index]),
        truth=(test["ct"][index] / FULL_SCALE).astype(np.float32),
        prediction=prediction,
        spacing_mm=(down, back, left),
        integrals_hu_mm=integrals.astype(np.float32),
        beam=ConeBeam(float(test.attrs["source_to_isocentre_mm"])),
    )


def _perceptual(settings: EvaluateSettings) -> PairScore:
    """Return what scores LPIPS, NaN for every pair where no weights are given."""
    if not settings.lpips_files:
        return lambda *_: float("nan")
    # Only here is torch needed.
    from srnet.evaluate.perceptual import Perceptual

    return Perceptual(settings.lpips_files[0]).volumes


def _score(
    pair: ScoredPair, settings: EvaluateSettings, perceptual: PairScore
) -> dict[str, str | float]:
    """Return the row of one scan."""
    volumes = pair.truth, pair.prediction
    try:
        return {
            **{key: getattr(pair, key) for key in KEYS},
            **paper_scores(*volumes),
            "LPIPS": perceptual(*volumes),
            **strict_scores(*volumes, pair.spacing_mm, settings.bone_threshold),
            "Reprojection": reprojection_error(
                pair.prediction, pair.integrals_hu_mm, pair.spacing_mm, pair.beam
            ),
        }
    except SrnetError as mistake:
        raise SrnetError(f"{pair.scan}: {mistake}") from None


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
    """Refuse rows that were not scored on the same scans in the same order.

    Raises
    ------
    SrnetError
        With the first two rows that differ.
    """
    first, *others = scores
    expected = list(scores[first]["scan"])
    for name in others:
        if list(scores[name]["scan"]) != expected:
            raise SrnetError(
                f"scores of '{name}' and '{first}' list different scans; "
                "remove both score files and run again"
            )
