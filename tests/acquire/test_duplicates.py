"""Repeated scans are found by their voxels, in any orientation and under any name."""

import nibabel
import numpy as np
import pytest

from srnet.acquire.acquire import acquire, list_scans
from srnet.acquire.duplicates import find_repeats, merge_patients, voxel_hash
from srnet.acquire.scan import Scan
from srnet.config.cohort import CohortSettings
from srnet.imaging.image import Image
from srnet.imaging.volume import canonical


def scan(name, patient):
    return Scan(scan_id=name, patient_id=patient, source="folder")


def digest(image):
    return voxel_hash(canonical(image))


def test_orientation_position_and_spacing_do_not_count(tiny_ct):
    flipped = Image(
        tiny_ct.array[::-1, :, ::-1],
        tiny_ct.affine @ np.array([[-1, 0, 0, 39], [0, 1, 0, 0], [0, 0, -1, 35], [0, 0, 0, 1.0]]),
        tiny_ct.spacing_mm,
    )
    moved = Image(tiny_ct.array, tiny_ct.affine + np.eye(4) * 1e-5, tiny_ct.spacing_mm)
    assert digest(tiny_ct) == digest(flipped) == digest(moved)


def test_padding_does_not_count_and_a_voxel_does(tiny_ct):
    padded = np.where(tiny_ct.array == -1000, -1024, tiny_ct.array)
    changed = tiny_ct.array.copy()
    changed[20, 20, 20] += 1
    assert digest(Image(padded, tiny_ct.affine, tiny_ct.spacing_mm)) == digest(tiny_ct)
    assert digest(Image(changed, tiny_ct.affine, tiny_ct.spacing_mm)) != digest(tiny_ct)


def test_a_mirrored_patient_is_another_scan(tiny_ct):
    mirrored = Image(tiny_ct.array[::-1], tiny_ct.affine, tiny_ct.spacing_mm)
    assert digest(mirrored) != digest(tiny_ct)


def test_the_first_scan_is_kept_and_its_patient_leads():
    scans = [scan("verse", "gl003"), scan("ben-1", "p13"), scan("ben-2", "p13"), scan("x", "p14")]
    repeats = find_repeats(scans, {"verse": "a", "ben-1": "a", "ben-2": "b"})
    assert repeats == {"ben-1": "verse"}
    merged = {s.scan_id: s.patient_id for s in merge_patients(scans, repeats)}
    assert merged == {"verse": "gl003", "ben-2": "gl003", "x": "p14"}


def test_chains_of_names_end_at_one_patient():
    scans = [scan("1", "a"), scan("2", "b"), scan("3", "b"), scan("4", "c"), scan("5", "c")]
    merged = merge_patients(scans, {"2": "1", "4": "3"})
    assert {s.patient_id for s in merged} == {"a"}


@pytest.mark.parametrize("kind", ["benmicrosoft", "melihaslan"])
def test_a_collection_repeats_a_scan_of_another_source(tmp_path, tiny_ct, kind):
    """The same patient as LPS NIfTI in one folder and as RAS in the other."""
    first, second = tmp_path / "mine", tmp_path / "theirs" / "patient0001"
    for folder in (first, second):
        folder.mkdir(parents=True)
    nibabel.save(nibabel.Nifti1Image(tiny_ct.array, tiny_ct.affine), first / "gl003.nii.gz")
    turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    turn[:2, 3] = 39, 43
    nibabel.save(
        nibabel.Nifti1Image(tiny_ct.array[::-1, ::-1], tiny_ct.affine @ turn),
        second / "2804506.nii.gz",
    )
    sources = [
        {"kind": "folder", "path": str(first)},
        {"kind": kind, "path": str(tmp_path / "theirs")},
    ]
    scans = list_scans(CohortSettings.parse({"sources": sources}))
    digests = {s.scan_id: voxel_hash(acquire(s, seed=1)) for s in scans}
    assert find_repeats(scans, digests) == {scans[1].scan_id: "gl003"}
