"""Cells of vertebrae, their scores, and the table of regions."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from srnet.acquire.scan import Scan
from srnet.core.errors import SrnetError
from srnet.dataset.hdf5 import read_dataset
from srnet.evaluate.metrics import ScoredPair
from srnet.imaging.formats import import_image
from srnet.imaging.target import TARGET_MAX
from srnet.imaging.volume import Grid, Volume, canonical, write_volume
from srnet.tables.score_regions import region_scores, region_table, score_regions, write_regions

SPACING_MM = (4.0, 3.0, 2.5)


@pytest.fixture
def labelled(test_set, tmp_path):
    """Return rows of the scan table: labels for scan c, L1 above L2, and a broken file for a."""
    shape = read_dataset(test_set).volume(0).array.shape
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
    rows = [predict("all_zero", np.zeros_like), predict("x2ct", lambda target: target)]
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
    def one_hole(target):
        return np.where(target == target.max(), np.nan, target)

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


@pytest.fixture
def column():
    """Three boxes of bone, T12, L1 and L2, above each other, and their labels."""
    labels = np.zeros((40, 30, 30), dtype=np.uint8)
    for top, label in ((4, 19), (16, 20), (28, 21)):
        labels[top : top + 8, 10:20, 10:20] = label
    return (labels > 0) * np.float32(0.5), labels


def scored(target, prediction, labels):
    pair = ScoredPair(target, prediction, (2.0, 1.0, 1.0), bone_threshold=0.25)
    return region_scores(pair, labels).set_index("part")


def test_a_missing_vertebra_is_missed_where_it_is_and_nowhere_else(column):
    target, labels = column
    scores = scored(target, np.where(labels == 20, 0, target), labels)
    assert scores["Dice"].to_dict() == pytest.approx(
        {"T12": 1, "L1": 0, "L2": 1, "thoracic": 1, "lumbar": 2 / 3}
    )
    assert scores.loc["L1", "MAE_bone"] == 1250
    assert scores.loc["T12", "PSNR3D"] == 100


def test_a_displaced_vertebra_is_as_far_off_as_it_moved(column):
    target, labels = column
    prediction = np.where(labels == 21, 0, target)
    prediction[:, 13:23] += np.where(labels == 21, target, 0)[
        :, 10:20
    ]  # 3 voxels of 1 mm backwards
    scores = scored(target, prediction, labels)
    assert scores.loc["L2", "HD95_mm"] == 3
    assert scores.loc["L1", "HD95_mm"] == 0
    assert scores["Dice"].between(0.1, 0.9)["L2"]


def test_cells_share_no_voxel_and_reach_the_margin(column):
    target, labels = column
    scores = scored(target, target, labels)
    assert scores.loc["lumbar", "voxels"] == scores.loc[["L1", "L2"], "voxels"].sum()
    assert scores["voxels"]["T12"] > (labels == 19).sum()


def test_the_sacrum_takes_its_own_space_but_no_row(column):
    target, labels = column
    sacral = np.where(labels == 21, 26, labels)
    assert list(scored(target, target, sacral).index) == ["T12", "L1", "thoracic", "lumbar"]


def test_labels_of_something_else_are_refused(column):
    target, labels = column
    with pytest.raises(SrnetError, match=r"labels \[41\] are no vertebrae"):
        scored(target, target, np.where(labels == 20, 41, labels))


def test_other_grids_are_refused(column):
    target, labels = column
    with pytest.raises(SrnetError, match="must lie on one grid"):
        scored(target, target, labels[1:])


def test_real_vertebrae_are_told_apart(srnet_data: Path):
    stem = srnet_data / "ct" / "tptbox-ct-label22"
    ct = canonical(import_image(f"{stem}.nii.gz"))
    labels = canonical(import_image(f"{stem}_seg-vert.nii.gz")).array
    bone = (ct.array > 200) & (labels > 0)
    target = np.where(bone, np.clip(ct.array + 1024, 0, TARGET_MAX), 0).astype(np.float32)
    target /= TARGET_MAX
    prediction = np.where(labels == 22, 0, target)
    pair = ScoredPair(target, prediction, ct.grid.spacing_mm, bone_threshold=0.25)
    scores = region_scores(pair, labels).set_index("part")
    assert list(scores.index) == ["L2", "L3", "L4", "lumbar"]
    assert scores.loc["L3", "Dice"] == 0
    assert scores.loc[["L2", "L4"], "Dice"].min() > 0.999
    assert scores["Dice"].between(0.3, 0.9)["lumbar"]
