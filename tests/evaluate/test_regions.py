from pathlib import Path

import numpy as np
import pytest
from srnet.evaluate.regions import region_scores

from srnet.core.errors import SrnetError
from srnet.imaging.volume import canonical, import_image

SPACING_MM = (2.0, 1.0, 1.0)


@pytest.fixture
def column():
    """Three boxes of bone, T12, L1 and L2, above each other, and their labels."""
    labels = np.zeros((40, 30, 30), dtype=np.uint8)
    for top, label in ((4, 19), (16, 20), (28, 21)):
        labels[top : top + 8, 10:20, 10:20] = label
    return (labels > 0) * np.float32(0.5), labels


def scored(truth, made, labels):
    return region_scores(truth, made, labels, SPACING_MM).set_index("part")


def test_a_missing_vertebra_is_missed_where_it_is_and_nowhere_else(column):
    truth, labels = column
    scores = scored(truth, np.where(labels == 20, 0, truth), labels)
    assert scores["Dice"].to_dict() == pytest.approx(
        {"T12": 1, "L1": 0, "L2": 1, "thoracic": 1, "lumbar": 2 / 3}
    )
    assert scores.loc["L1", "MAE_bone"] == 1250
    assert scores.loc["T12", "PSNR3D"] == 100


def test_a_displaced_vertebra_is_as_far_off_as_it_moved(column):
    truth, labels = column
    made = np.where(labels == 21, 0, truth)
    made[:, 13:23] += np.where(labels == 21, truth, 0)[:, 10:20]  # 3 voxels of 1 mm backwards
    scores = scored(truth, made, labels)
    assert scores.loc["L2", "HD95_mm"] == 3
    assert scores.loc["L1", "HD95_mm"] == 0
    assert scores["Dice"].between(0.1, 0.9)["L2"]


def test_cells_share_no_voxel_and_reach_the_margin(column):
    truth, labels = column
    scores = scored(truth, truth, labels)
    assert scores.loc["lumbar", "voxels"] == scores.loc[["L1", "L2"], "voxels"].sum()
    assert scores["voxels"]["T12"] > (labels == 19).sum()


def test_the_sacrum_takes_its_own_space_but_no_row(column):
    truth, labels = column
    sacral = np.where(labels == 21, 26, labels)
    assert list(scored(truth, truth, sacral).index) == ["T12", "L1", "thoracic", "lumbar"]


def test_labels_of_something_else_are_refused(column):
    truth, labels = column
    with pytest.raises(SrnetError, match=r"labels \[41\] are no vertebrae"):
        scored(truth, truth, np.where(labels == 20, 41, labels))


def test_other_grids_are_refused(column):
    truth, labels = column
    with pytest.raises(SrnetError, match="must lie on one grid"):
        scored(truth, truth, labels[1:])


def test_real_vertebrae_are_told_apart(srnet_data: Path):
    stem = srnet_data / "ct" / "tptbox-ct-label22"
    ct = canonical(import_image(f"{stem}.nii.gz"))
    labels = canonical(import_image(f"{stem}_seg-vert.nii.gz")).array
    bone = (ct.array > 200) & (labels > 0)
    truth = np.where(bone, np.clip(ct.array + 1024, 0, 2500), 0).astype(np.float32) / 2500
    made = np.where(labels == 22, 0, truth)
    scores = region_scores(truth, made, labels, ct.grid.spacing_mm).set_index("part")
    assert list(scores.index) == ["L2", "L3", "L4", "lumbar"]
    assert scores.loc["L3", "Dice"] == 0
    assert scores.loc[["L2", "L4"], "Dice"].min() > 0.999
    assert scores["Dice"].between(0.3, 0.9)["lumbar"]
