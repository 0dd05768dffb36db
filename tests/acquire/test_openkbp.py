"""The sparse tables of OpenKBP, against their converted copies and against damage."""

import numpy as np
import pytest

from srnet.acquire.acquire import acquire
from srnet.acquire.openkbp import list_source, read
from srnet.config.cohort import OpenkbpSource
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.formats import import_image
from srnet.imaging.volume import canonical


def write_patient(root, table, steps="4.0\n4.0\n2.5\n", number=7):
    folder = root / "train-pats" / f"pt_{number}"
    folder.mkdir(parents=True)
    (folder / "ct.csv").write_text(table, encoding="utf-8")
    (folder / "voxel_dimensions.csv").write_text(steps, encoding="utf-8")
    (scan,) = list_source(OpenkbpSource(path=str(root)))
    return scan


def test_340_patients_are_known_without_a_look_at_the_network():
    scans = list_source(OpenkbpSource())
    assert len({scan.scan_id for scan in scans}) == 340
    assert scans[3].scan_id == "openkbp-004"
    assert scans[3].remotes[0].url.endswith("/provided-data/train-pats/pt_4/ct.csv")
    assert scans[200].remotes[1].url.endswith("/validation-pats/pt_201/voxel_dimensions.csv")
    assert scans[339].remotes[0].url.endswith("/test-pats/pt_340/ct.csv")
    assert len(list_source(OpenkbpSource(limit=12))) == 12


def test_indices_run_backwards_then_leftwards_then_downwards(tmp_path):
    """Voxel [1, 2, 3] of the published array is 1 back, 2 left, 3 down."""
    flat = (1 * 128 + 2) * 128 + 3
    volume = read(write_patient(tmp_path, f",data\n{flat},1124.0\n{flat + 1},900\n"), seed=1)
    assert volume.array[3, 1, 2] == 100
    assert volume.array[4, 1, 2] == -124
    assert (volume.array == -1024).sum() == 128**3 - 2
    assert volume.grid.spacing_mm == (2.5, 4.0, 4.0)


@pytest.mark.parametrize("number", [4, 60])
def test_voxel_exact_against_the_converted_copies(srnet_data, number):
    source = OpenkbpSource(path=str(srnet_data / "openkbp-raw" / "provided-data"))
    (scan,) = [s for s in list_source(source) if s.scan_id == f"openkbp-{number:03d}"]
    volume = acquire(scan, seed=1)
    copy = canonical(import_image(srnet_data / "ct" / f"openkbp-{number:03d}.nii.gz"))
    assert np.array_equal(volume.array, copy.array)
    np.testing.assert_allclose(volume.grid.affine, copy.grid.affine, atol=1e-4)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", r"ct\.csv: is empty \(0 bytes\); download it again"),
        (",data\n12,", r"ct\.csv: is not a table of numbers"),
        (",data\n1,2,3\n4,5,6\n", r"ct\.csv: is not a table of index and value"),
        (",data\n5,900\n2097152,900\n", r"indices run from 5 to 2097152, outside of 128\^3"),
        (",data\n5,900\n6,99999\n", r"its values are not HU \+ 1024 from 0 to 32767"),
        (",data\n5,900\n6,nan\n", r"its values are not HU \+ 1024 from 0 to 32767"),
        (",data\n5,900\n5,901\n", r"lists voxels more than once"),
        ("<!DOCTYPE html>\n<html></html>\n", r"ct\.csv: is not a table of numbers"),
    ],
)
def test_damaged_tables_are_named(tmp_path, table, message):
    with pytest.raises(ScanRejected, match=message):
        read(write_patient(tmp_path, table), seed=1)


def test_a_wrong_voxel_size_is_refused(tmp_path):
    scan = write_patient(tmp_path, ",data\n5,900\n6,900\n", steps="4.0\n0.0\n2.5\n")
    with pytest.raises(ScanRejected, match="are not three voxel sizes of up to 10 mm"):
        read(scan, seed=1)


def test_a_folder_without_patients_says_what_to_give(tmp_path):
    with pytest.raises(SrnetError, match="give the folder 'provided-data' of a clone"):
        list_source(OpenkbpSource(path=str(tmp_path)))
