import numpy as np
import pandas as pd
import pytest

from srnet.config.evaluate import EvaluateSettings
from srnet.core.errors import SrnetError
from srnet.evaluate.evaluate import evaluate
from srnet.evaluate.metrics import COLUMNS
from srnet.evaluate.scores import read_scores, write_scores

SETTINGS = EvaluateSettings()


def test_one_row_per_scan_in_the_order_of_the_test_set(predict, test_set):
    scores = evaluate(predict("zero", np.zeros_like), test_set, SETTINGS)
    assert list(scores["scan"]) == ["a", "NA", "c"]
    assert list(scores["patient"]) == ["p", "p", "q"]
    assert list(scores.columns) == ["scan", "patient", "source", *COLUMNS]


def test_the_target_scores_perfectly_and_explains_its_xrays(predict, test_set):
    scores = evaluate(predict("target", np.copy), test_set, SETTINGS)
    assert (scores["PSNR3D"] == 100).all()
    assert (scores["Dice"] == 1).all()
    # 16-bit grey is all that stands between the target's DRR and the stored x-ray.
    assert scores["Reprojection"].max() < 1e-4


def test_an_empty_volume_explains_nothing(predict, test_set):
    scores = evaluate(predict("zero", np.zeros_like), test_set, SETTINGS)
    assert np.allclose(scores["Reprojection"], 1)


def test_half_the_density_leaves_half_the_xray_unexplained(predict, test_set):
    scores = evaluate(predict("half", lambda target: target / 2), test_set, SETTINGS)
    assert np.allclose(scores["Reprojection"], 0.5, atol=1e-3)


def test_scores_survive_the_file_and_empty_cells_stay_empty(predict, test_set, tmp_path):
    scores = evaluate(predict("half", lambda target: target / 2), test_set, SETTINGS)
    write_scores(tmp_path / "half.tsv", scores)
    back = read_scores(tmp_path / "half.tsv")
    pd.testing.assert_frame_equal(back, scores, check_dtype=False, rtol=1e-8)
    assert back["LPIPS"].isna().all()


def test_reconstructions_of_other_scans_are_refused(predict, test_set):
    prediction = predict("zero", np.zeros_like, scans=("a", "c", "NA"))
    with pytest.raises(SrnetError, match="other scans"):
        evaluate(prediction, test_set, SETTINGS)


def test_a_reconstruction_with_nan_is_named(predict, test_set):
    prediction = predict("nan", lambda target: np.full_like(target, np.nan))
    with pytest.raises(SrnetError, match="a: prediction has 32768 voxels that are NaN"):
        evaluate(prediction, test_set, SETTINGS)
