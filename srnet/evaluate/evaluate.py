"""Stage: score the predictions of one row of the tables, scan by scan."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from srnet.config.evaluate import LPIPS_FETCHED, EvaluateSettings
from srnet.core.errors import SrnetError
from srnet.core.rejection import raise_if_rejected
from srnet.dataset.hdf5 import read_dataset, read_predictions
from srnet.evaluate.metrics import COLUMNS, METRICS, Array, ScoredPair, score_pair
from srnet.evaluate.scores import KEYS


def evaluate(
    prediction: str | Path, test_set: str | Path, settings: EvaluateSettings
) -> pd.DataFrame:
    """Score every scan of the test set.

    Parameters
    ----------
    prediction
        HDF5 file of predictions.
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
        If the predictions are not of this test set or hold NaN.
    """
    raise_if_rejected(prediction)
    raise_if_rejected(test_set)
    samples, predictions = read_dataset(test_set), read_predictions(prediction)
    predictions.check_made_for(samples)
    lpips = load_lpips(settings)
    rows = []
    for index, scan in enumerate(samples.scans):
        integrals = np.stack(
            [xray.grey * np.float32(xray.full_scale_hu_mm) for xray in samples.xrays(index)]
        )
        try:
            pair = ScoredPair(
                samples.network_volume(index),
                predictions.network_volume(index),
                samples.grid(index).spacing_mm,
                settings.bone_threshold,
                (integrals, samples.beam),
                lpips,
            )
            scores = score_pair(pair, METRICS.values())
        except SrnetError as mistake:
            raise SrnetError(f"{scan}: {mistake}") from None
        names = (scan, samples.patients[index], samples.sources[index])
        rows.append({**dict(zip(KEYS, names, strict=True)), **scores})
    return pd.DataFrame(rows, columns=[*KEYS, *COLUMNS])


def load_lpips(settings: EvaluateSettings) -> Callable[[Array, Array], float] | None:
    """Return the function that scores LPIPS, or None where no weights are given.

    Raises
    ------
    SrnetError
        If the file of the weights is missing or holds other ones.
    """
    if not settings.lpips_files:
        return None
    (weights,) = settings.lpips_files
    if weights == LPIPS_FETCHED and not Path(weights).is_file():
        raise SrnetError(
            f"LPIPS weights are not at {weights}; let the workflow make that file, or name another"
        )
    # Only here is torch needed.
    from srnet.evaluate.perceptual import Perceptual

    return Perceptual(weights).volumes
