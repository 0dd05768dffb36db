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
    with pytest.raises(SrnetError, match="is no scan of X2CT"):
        read_x2ct(tmp_path, "a")
