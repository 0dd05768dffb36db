"""One folder with everything that goes wrong, among scans that are right."""

import nibabel
import numpy as np
import pytest

from srnet.acquire.acquire import acquire, list_scans
from srnet.config.cohort import CohortSettings
from srnet.core.errors import ScanRejected
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
    source = {"kind": "folder", "path": str(tmp_path)}
    return {s.scan_id: s for s in list_scans(CohortSettings.parse({"sources": [source]}))}


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
    scans = list_scans(CohortSettings.parse({"sources": [source]}))
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
