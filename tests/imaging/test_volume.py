import nibabel
import numpy as np
import pytest

from srnet.core.stamp import stamped
from srnet.imaging.volume import Axis, Grid, Volume, read_volume, write_volume

SHAPE = (5, 6, 7)


@pytest.fixture
def volume():
    array = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    return Volume(array, Grid(SHAPE, (3.0, 2.0, 1.5), (40.0, 60.0, 900.0)))


def test_the_first_voxel_is_superior_anterior_right(volume):
    corner = volume.grid.affine @ [0, 0, 0, 1]
    assert corner[:3] == pytest.approx((40, 60, 900))
    for axis, towards in ((Axis.CRANIOCAUDAL, 2), (Axis.ANTEROPOSTERIOR, 1), (Axis.LEFT_RIGHT, 0)):
        index = np.array([0, 0, 0, 1])
        index[axis] = 1
        step = (volume.grid.affine @ index - corner)[:3]
        assert step[towards] == pytest.approx(-volume.grid.spacing_mm[axis])
        assert np.count_nonzero(step) == 1


def test_centre_extent_and_volume(volume):
    grid = volume.grid
    assert grid.extent_mm == pytest.approx((15, 12, 10.5))
    assert grid.centre_mm == pytest.approx((40 - 4.5, 60 - 5, 900 - 6))
    assert grid.voxel_ml == pytest.approx(0.009)
    again = Grid.centred(grid.shape, grid.spacing_mm, grid.centre_mm)
    assert again.affine == pytest.approx(grid.affine)


def test_a_file_comes_back_as_written(volume, tmp_path):
    write_volume(tmp_path / "a.nii.gz", volume)
    found = read_volume(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(found.array, volume.array)
    assert found.array.dtype == np.int16
    assert found.array.flags.c_contiguous
    assert found.grid.affine == pytest.approx(volume.grid.affine)


def test_files_run_right_anterior_superior_and_hold_each_voxel_at_its_place(volume, tmp_path):
    write_volume(tmp_path / "a.nii.gz", volume)
    image = nibabel.Nifti1Image.from_filename(tmp_path / "a.nii.gz")
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    assert image.header.get_xyzt_units()[0] == "mm"
    assert image.get_qform() == pytest.approx(image.get_sform())
    index = np.array([4, 1, 2, 1])
    place = np.linalg.solve(image.affine, volume.grid.affine @ index)
    x, y, z = np.rint(place[:3]).astype(int)
    assert np.asarray(image.dataobj)[x, y, z] == volume.array[4, 1, 2]


def test_equal_volumes_are_equal_files_that_name_their_record(volume, tmp_path):
    with stamped("0123456789abcdef"):
        write_volume(tmp_path / "a.nii.gz", volume)
        write_volume(tmp_path / "other.nii.gz", volume)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "other.nii.gz").read_bytes()
    assert (
        nibabel.Nifti1Image.from_filename(tmp_path / "a.nii.gz").header["descrip"]
        == b"0123456789abcdef"
    )
