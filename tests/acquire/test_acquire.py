"""The scans of a cohort, and one folder of good and unusable scans that are read."""

import nibabel
import numpy as np
import pytest

from srnet.acquire.acquire import SOURCES, acquire, find_source, list_scans
from srnet.acquire.scan import Scan
from srnet.config.cohort import CohortSettings
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.volume import read_volume, write_volume

REASONS = {
    "cut": "cannot be read as an image (it ends too early, as after a broken download)",
    "empty": "is empty (0 bytes); copy or download it again",
    "flat": "is not a volume but an image of 64x64 voxels",
    "mask": "a mask, a normalised or a windowed image",
    "mr": "it looks like an MR or another modality, so give a CT in Hounsfield units",
    "nan": "63360 of 63360 voxels are NaN or infinite",
    "notes": "cannot be read as an image",
    "zero": "voxel size 2 x 2 x 0 mm is zero, negative or not a number",
}


def cohort(*sources):
    return CohortSettings.parse({"sources": list(sources)})


def test_every_source_offers_what_the_registry_promises():
    for kind in SOURCES:
        module = find_source(kind)
        assert callable(module.list_source)
        assert callable(module.read)


def test_an_unknown_source_names_the_known_ones():
    with pytest.raises(
        SrnetError, match=r"'mars' is not a source of scans; sources: phantom, folder"
    ):
        find_source("mars")


def test_growing_a_generated_cohort_keeps_its_first_rows():
    few = list_scans(cohort({"kind": "phantom", "count": 5}))
    many = list_scans(cohort({"kind": "phantom", "count": 50}))
    assert many[:5] == few
    assert len({scan.scan_id for scan in many}) == 50


def test_regions_are_taken_in_turn():
    scans = list_scans(cohort({"kind": "phantom", "count": 4, "regions": ["lumbar", "whole"]}))
    assert [scan.region for scan in scans] == ["lumbar", "whole", "lumbar", "whole"]


def test_one_id_for_two_scans_is_refused(tmp_path):
    (tmp_path / "phantom0001.nii").touch()
    with pytest.raises(SrnetError, match=r"'phantom0001' stands for 2 scans.*rename one file"):
        list_scans(cohort({"kind": "phantom"}, {"kind": "folder", "path": str(tmp_path)}))


def test_ids_that_differ_only_in_case_are_one_where_a_file_system_says_so(tmp_path):
    (tmp_path / "Phantom0001.nii").touch()
    with pytest.raises(SrnetError, match="'phantom0001' stands for 2 scans"):
        list_scans(cohort({"kind": "phantom"}, {"kind": "folder", "path": str(tmp_path)}))


def test_rows_survive_params():
    for scan in list_scans(cohort({"kind": "phantom", "count": 3})):
        assert Scan.parse({**scan.plain(), "labels": scan.labels}) == scan


@pytest.fixture
def scans(tmp_path, tiny_ct, write_nifti):
    array, affine = tiny_ct.array, tiny_ct.affine
    whole = write_nifti(tmp_path / "good1.nii.gz", array, affine)
    write_nifti(tmp_path / "good2.nii", array[::-1], affine)
    (tmp_path / "cut.nii.gz").write_bytes(whole.read_bytes()[:-2000])
    (tmp_path / "empty.nii.gz").touch()
    (tmp_path / "notes.nii.gz").write_text("call the ward", encoding="utf-8")
    write_nifti(tmp_path / "flat.nii.gz", np.zeros((64, 64), np.int16), np.eye(4))
    write_nifti(tmp_path / "mask.nii.gz", (array > 300).astype(np.uint8), affine)
    grey = np.select([array > 300, array > 0, array > -200], [60, 350, 750], 20)
    write_nifti(tmp_path / "mr.nii.gz", grey.astype(np.int16), affine)
    write_nifti(tmp_path / "nan.nii.gz", np.full(array.shape, np.nan, np.float32), affine)
    image = nibabel.Nifti1Image(array, affine)
    nibabel.save(image, tmp_path / "zero.nii")
    raw = bytearray((tmp_path / "zero.nii").read_bytes())
    raw[88:92] = np.float32(0).tobytes()
    (tmp_path / "zero.nii").write_bytes(raw)
    found = list_scans(cohort({"kind": "folder", "path": str(tmp_path)}))
    return {scan.scan_id: scan for scan in found}


def test_every_bad_scan_is_named_with_its_reason_and_the_good_ones_pass(scans, tmp_path):
    assert set(scans) == {*REASONS, "good1", "good2"}
    for name, reason in REASONS.items():
        with pytest.raises(ScanRejected) as refusal:
            acquire(scans[name], seed=1)
        assert str(refusal.value).startswith(f"{tmp_path}/{name}.nii")
        assert reason in str(refusal.value)
    for name in ("good1", "good2"):
        assert acquire(scans[name], seed=1).array.dtype == np.int16


def test_what_is_written_is_what_was_acquired(scans, tmp_path):
    volume = acquire(scans["good1"], seed=1)
    write_volume(tmp_path / "ct.nii.gz", volume)
    assert np.array_equal(read_volume(tmp_path / "ct.nii.gz").array, volume.array)


@pytest.mark.slow
def test_real_scans_pass_and_their_label_maps_do_not(srnet_data):
    source = {"kind": "folder", "path": str(srnet_data / "ct"), "include": "t*"}
    scans = list_scans(cohort(source))
    refused: dict[str, str] = {}
    spacing: dict[str, tuple[float, ...]] = {}
    for scan in scans:
        try:
            spacing[scan.scan_id] = acquire(scan, seed=1).grid.spacing_mm
        except ScanRejected as rejection:
            refused[scan.scan_id] = str(rejection)
    assert refused
    assert all("_seg" in name and "it is a mask" in reason for name, reason in refused.items())
    assert not any("_seg" in name for name in spacing)
    assert spacing["totalseg-example"] == pytest.approx((3, 3, 3), abs=0.01)
