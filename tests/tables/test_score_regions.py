import h5py
import numpy as np
import pandas as pd
import pytest

from srnet.acquire.scan import Scan
from srnet.core.errors import SrnetError
from srnet.imaging.volume import Grid, Volume, write_volume
from srnet.tables.score_regions import region_table, score_regions, write_regions

SPACING_MM = (4.0, 3.0, 2.5)


@pytest.fixture
def labelled(test_set, tmp_path):
    """Return rows of the scan table: labels for scan c, L1 above L2, and a broken file for a."""
    with h5py.File(test_set) as file:
        shape = file["ct"].shape[1:]
    labels = np.zeros(shape, np.uint8)
    labels[: shape[0] // 2] = 20
    labels[shape[0] // 2 :] = 21
    write_volume(tmp_path / "c.nii.gz", Volume(labels, Grid(shape, SPACING_MM, (0.0, 0.0, 0.0))))
    (tmp_path / "a.nii.gz").touch()
    return [
        Scan(scan_id=scan, patient_id=scan, source="folder", labels=f"{tmp_path}/{scan}.nii.gz")
        for scan in ("elsewhere", "a", "c")
    ]


@pytest.fixture
def scores(test_set, predict, labelled):
    rows = [predict("all_zero", np.zeros_like), predict("x2ct", lambda truth: truth)]
    return score_regions(rows, test_set, labelled, seed=1, bone_threshold=0.25)


def test_every_row_is_scored_on_the_scans_with_readable_labels(scores):
    assert list(scores["method"].unique()) == ["all_zero", "x2ct"]
    assert set(scores["scan"]) == {"c"}
    assert list(scores.loc[scores["method"] == "x2ct", "part"]) == ["L1", "L2", "lumbar"]
    dice = scores.groupby("method")["Dice"]
    assert dice.max()["all_zero"] == 0
    assert dice.min()["x2ct"] == 1


def test_the_table_has_a_line_for_each_region_and_row(scores, tmp_path):
    table = region_table(scores).rows
    assert list(table["Method"]) == ["All zero", "X2CT"]
    assert set(table["Region"]) == {"lumbar"}
    assert set(table["Scans"]) == {1}
    outputs = [tmp_path / f"regions{suffix}" for suffix in (".csv", ".md", ".tex", ".html")]
    write_regions(scores, tmp_path / "regions.tsv", outputs)
    assert len(pd.read_csv(tmp_path / "regions.tsv", sep="\t")) == len(scores) == 6
    assert "| X2CT | lumbar | 1 |" in outputs[1].read_text(encoding="utf-8")
    assert "Dice" in outputs[3].read_text(encoding="utf-8")


def test_no_labels_in_the_test_set_is_an_empty_table(test_set, predict, labelled, tmp_path):
    scores = score_regions([predict("x2ct", np.copy)], test_set, labelled[:1], 1, 0.25)
    write_regions(scores, tmp_path / "regions.tsv", [tmp_path / "regions.md"])
    assert "no test scan has vertebra labels" in (tmp_path / "regions.md").read_text(
        encoding="utf-8"
    )


def test_a_prediction_that_is_no_number_is_refused_with_its_scan(test_set, predict, labelled):
    def one_hole(truth):
        return np.where(truth == truth.max(), np.nan, truth)

    with pytest.raises(SrnetError, match=r"^c: prediction has \d+ voxels that are NaN"):
        score_regions([predict("x2ct", one_hole)], test_set, labelled, 1, 0.25)


def test_a_region_without_bone_says_why_its_cells_are_empty(test_set, predict, labelled):
    with h5py.File(test_set, "r+") as file:
        file["ct"][2, file["ct"].shape[1] // 2 :] = 0
    scores = score_regions([predict("x2ct", np.copy)], test_set, labelled, 1, 0.25)
    assert scores.set_index("part")["MAE_bone"].isna().to_dict() == {
        "L1": False,
        "L2": True,
        "lumbar": False,
    }
    assert not any("MAE_bone" in note for note in region_table(scores).notes)
    with h5py.File(test_set, "r+") as file:
        file["ct"][2] = 0
    empty = score_regions([predict("x2ct", np.copy)], test_set, labelled, 1, 0.25)
    notes = region_table(empty).notes
    assert "MAE_bone: no value for 1 of 1 scores: the truth holds no bone" in notes


def test_predictions_of_another_test_set_are_refused(test_set, predict, labelled):
    other = predict("x2ct", np.copy, scans=("x", "y", "z"))
    with pytest.raises(SrnetError, match="holds other scans"):
        score_regions([other], test_set, labelled, seed=1, bone_threshold=0.25)
