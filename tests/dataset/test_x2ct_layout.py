import h5py
import numpy as np
import pytest

from srnet.commands.main import main
from srnet.config.prepare import DrrSettings
from srnet.core.errors import SrnetError
from srnet.dataset.hdf5 import Sample, read_dataset
from srnet.dataset.pack_dataset import pack_dataset
from srnet.dataset.x2ct_layout import find_x2ct, read_x2ct, write_x2ct
from srnet.imaging.target import TARGET_MAX
from srnet.imaging.volume import Axis, read_volume
from srnet.imaging.xray import read_xray


@pytest.fixture
def sample(cohort):
    files = cohort.files[0]
    return Sample(read_volume(files.volume), read_xray(files.ap), read_xray(files.lateral))


def test_the_file_is_as_x2ct_wants_it(sample, tmp_path):
    write_x2ct(tmp_path, "scan00", sample)
    with h5py.File(tmp_path / "scan00" / "ct_xray_data.h5") as file:
        np.testing.assert_array_equal(file["ct"], sample.volume.array)
        assert file["xray1"][()] == pytest.approx(sample.ap.grey * 255, abs=0.51)
        assert file["xray2"][()].max() == 255


def test_a_sample_comes_back_to_eight_bits(sample, tmp_path):
    write_x2ct(tmp_path, "scan00", sample)
    found = read_x2ct(tmp_path, "scan00")
    np.testing.assert_array_equal(found.volume.array, sample.volume.array)
    assert found.volume.grid == sample.volume.grid
    assert found.lateral.grey == pytest.approx(sample.lateral.grey, abs=0.51 / 255)
    assert found.lateral.full_scale_hu_mm == sample.lateral.full_scale_hu_mm


def test_files_of_x2ct_itself_have_no_spacing_and_a_scale_unknown(tmp_path):
    rng = np.random.default_rng(0)
    ct, front, side = rng.random((8, 8, 8)) * 3000, rng.random((8, 8)), rng.random((8, 8))
    (tmp_path / "LIDC").mkdir()
    with h5py.File(tmp_path / "LIDC" / "ct_xray_data.h5", "w") as file:
        file["ct"], file["xray1"], file["xray2"] = ct, front[None] * 255, side * 255
    found = read_x2ct(tmp_path, "LIDC", 2.5, [Axis.CRANIOCAUDAL, Axis.LEFT_RIGHT])
    expected = np.clip(np.rint(ct), 0, TARGET_MAX)[::-1, :, ::-1]
    np.testing.assert_array_equal(found.volume.array, expected)
    assert found.volume.grid.spacing_mm == (2.5, 2.5, 2.5)
    assert found.ap.grey == pytest.approx(front[::-1, ::-1], abs=1e-6)
    assert found.lateral.grey == pytest.approx(side[::-1], abs=1e-6)
    assert found.ap.full_scale_hu_mm == 0


def test_a_data_set_goes_there_and_back(cohort, tmp_path, capsys):
    here, back, there = tmp_path / "train.h5", tmp_path / "back.h5", tmp_path / "x2ct"
    pack_dataset(here, cohort.files, cohort.split, "train", DrrSettings())
    assert main(["x2ct", "export", str(here), str(there)]) == 0
    assert len(find_x2ct(there)) == 10
    assert main(["x2ct", "import", str(there), str(back)]) == 0
    assert "10 scans" in capsys.readouterr().out
    ours, theirs = read_dataset(here), read_dataset(back)
    order = [theirs.scans.index(scan) for scan in ours.scans]
    for index, other in enumerate(order):
        np.testing.assert_array_equal(ours.volume(index).array, theirs.volume(other).array)


def test_an_empty_folder_and_a_damaged_file_are_named(tmp_path):
    with pytest.raises(SrnetError, match="holds no SCAN/ct_xray_data"):
        find_x2ct(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "ct_xray_data.h5").write_bytes(b"cut")
    with pytest.raises(SrnetError, match=r"ct_xray_data\.h5: is no HDF5 file, or damaged"):
        read_x2ct(tmp_path, "a")


def hu(ct, images):
    return ct - 1024, images


def not_a_number(ct, images):
    return np.where(ct > 1500, np.nan, ct), images


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (hu, r"ct begins at -1024; it must be HU \+ 1024, so add 1024 to HU"),
        (
            lambda ct, images: (ct / 2500, images),
            r"ct reaches 1; it must be HU \+ 1024, not shares",
        ),
        (
            lambda ct, images: (ct / 10, images),
            r"ct reaches 250; it must be HU \+ 1024, not shares",
        ),
        (not_a_number, r"ct is empty, or holds what is no finite number"),
        (lambda ct, images: (ct[:0], images), r"ct is empty|ct has shape"),
        (lambda ct, images: (ct[0], images), r"ct has shape \(9, 10\)"),
        (lambda ct, images: (ct, images / 255), r"xray1 runs from 0 to 1, not from 0 to 255"),
        (lambda ct, images: (ct, images * 257), r"xray1 runs from 0 to 65535, not from 0 to 255"),
        (lambda ct, images: (ct, images - 20), r"xray1 runs from -20 to 235, not from 0 to 255"),
    ],
)
def test_arrays_of_another_scale_are_refused(tmp_path, change, reason):
    """Read as they are they would be an empty spine, or air that is bone."""
    rng = np.random.default_rng(1)
    ct = rng.uniform(0, 2500, (8, 9, 10))
    ct.flat[:2] = 0, 2500
    images = rng.uniform(0, 255, (8, 9))
    images.flat[:2] = 0, 255
    (tmp_path / "a").mkdir()
    with h5py.File(tmp_path / "a" / "ct_xray_data.h5", "w") as file:
        file["ct"], file["xray1"] = change(ct, images)
        file["xray2"] = change(ct, images)[1]
    with pytest.raises(SrnetError, match=rf"ct_xray_data\.h5: is damaged or .*{reason}"):
        read_x2ct(tmp_path, "a")
