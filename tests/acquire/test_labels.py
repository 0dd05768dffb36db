"""Vertebra labels: which file they are in, and that they are where the bone of the scan is."""

from pathlib import Path

import numpy as np
import pytest

from srnet.acquire.generated import generate
from srnet.acquire.generated import list_source as list_phantoms
from srnet.acquire.labels import vertebra_labels
from srnet.acquire.local import list_source
from srnet.acquire.scan import Scan
from srnet.config.cohort import FolderSource, PhantomSource
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.formats import import_image
from srnet.imaging.volume import Grid, canonical, write_volume

VERSE = ["rawdata/(.*)_ct", r"derivatives/\1_seg-vert_msk"]


def settings(folder, labels):
    return FolderSource.parse({"path": str(folder), "labels": labels})


def test_a_folder_pairs_scans_with_labels_by_a_rule(tmp_path):
    for name in (
        "rawdata/sub-1/sub-1_ct",
        "derivatives/sub-1/sub-1_seg-vert_msk",
        "rawdata/sub-2/sub-2_ct",
    ):
        path = tmp_path / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    scans = list_source(settings(tmp_path, VERSE))
    assert [scan.patient_id for scan in scans] == ["rawdata_sub-1_sub-1", "rawdata_sub-2_sub-2"]
    mask = tmp_path / "derivatives/sub-1/sub-1_seg-vert_msk.nii.gz"
    assert [scan.labels for scan in scans] == [str(mask), ""]


@pytest.mark.parametrize("rule", [["(", "x"], ["x", r"\1"]])
def test_a_broken_rule_is_refused_in_the_settings(tmp_path, rule):
    with pytest.raises(SrnetError, match="not a regular expression and replacement"):
        settings(tmp_path, rule)


def test_labels_are_no_part_of_what_prepares_a_scan():
    scan = Scan(scan_id="a", patient_id="a", source="folder", labels="a_labels.nii.gz")
    assert not any("labels" in key for key in scan.plain())


def test_a_file_that_was_refused_is_no_labels(tmp_path):
    (tmp_path / "labels.nii.gz").touch()
    scan = Scan(
        scan_id="a", patient_id="a", source="folder", labels=str(tmp_path / "labels.nii.gz")
    )
    with pytest.raises(ScanRejected, match="is empty"):
        vertebra_labels(scan, 1, Grid((4, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)))


@pytest.mark.parametrize(
    ("value", "shift_mm", "reason"),
    [
        (300, 0, "holds values that are no labels"),
        (-1, 0, "holds values that are no labels"),
        (20.5, 0, "holds values that are no labels"),
        (np.nan, 0, "holds values that are no labels"),
        (20, 500, "all of it lies outside of the scan"),
    ],
)
def test_what_is_no_label_of_the_scan_is_refused(tmp_path, write_nifti, value, shift_mm, reason):
    """A type of eight bits would turn 300 into another vertebra."""
    affine = np.eye(4)
    affine[0, 3] = shift_mm
    array = np.full((16, 16, 16), value, np.float32)
    path = write_nifti(tmp_path / "labels.nii.gz", array, affine)
    scan = Scan(scan_id="a", patient_id="a", source="folder", labels=str(path))
    grid = canonical(import_image(write_nifti(tmp_path / "ct.nii", array, np.eye(4)))).grid
    with pytest.raises(ScanRejected, match=rf"labels\.nii\.gz: {reason}"):
        vertebra_labels(scan, 1, grid)


def test_generated_labels_are_the_vertebrae_where_they_were_drawn():
    (scan, *_) = list_phantoms(PhantomSource(count=3, spacing_mm=4.0, regions=("lumbar",)))
    truth = canonical(generate(scan, 1).labels)
    found = vertebra_labels(scan, 1, truth.grid)
    assert {20, 21, 22, 23, 24, 26} <= set(np.unique(found))
    np.testing.assert_array_equal(found, np.where(truth.array <= 26, truth.array, 0))


def test_labels_of_a_real_scan_are_found_on_a_coarser_grid(srnet_data: Path, tmp_path):
    rule = [r"label22\.", "label22_seg-vert."]
    (scan,) = [scan for scan in list_source(settings(srnet_data / "ct", rule)) if scan.labels]
    assert scan.labels.endswith("tptbox-ct-label22_seg-vert.nii.gz")
    whole = canonical(import_image(scan.labels))
    np.testing.assert_array_equal(vertebra_labels(scan, 1, whole.grid), whole.array)
    down, back, left = whole.grid.extent_mm
    coarse = Grid.centred((16, 16, 16), (down / 16, back / 16, left / 16), whole.grid.centre_mm)
    labels = vertebra_labels(scan, 1, coarse)
    voxel_ml = coarse.voxel_ml / whole.grid.voxel_ml
    for label in (21, 22, 23):
        share = (labels == label).sum() * voxel_ml / (whole.array == label).sum()
        assert share == pytest.approx(1, abs=0.25)
    write_volume(tmp_path / "labels.nii.gz", whole)
    copied = scan.model_copy(update={"labels": str(tmp_path / "labels.nii.gz")})
    np.testing.assert_array_equal(vertebra_labels(copied, 1, coarse), labels)
