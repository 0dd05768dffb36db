import pickle

import h5py
import numpy as np
import pytest

from srnet.config.prepare import DrrSettings
from srnet.core.errors import SrnetError
from srnet.dataset.hdf5 import read_dataset, read_predictions, write_predictions
from srnet.dataset.pack_dataset import pack_dataset
from srnet.imaging.volume import read_volume
from srnet.imaging.xray import read_xray
from tests.fixtures.mutations import count_outcomes


@pytest.fixture(scope="module")
def train(cohort, tmp_path_factory):
    path = tmp_path_factory.mktemp("dataset") / "train.h5"
    pack_dataset(path, cohort.files, cohort.split, "train", DrrSettings())
    return read_dataset(path)


def test_a_sample_is_what_its_files_hold(cohort, train):
    by_scan = {files.scan: files for files in cohort.files}
    for index in range(len(train)):
        files = by_scan[train.scans[index]]
        volume = read_volume(files.volume)
        np.testing.assert_array_equal(train.volume(index).array, volume.array)
        assert train.grid(index).affine == pytest.approx(volume.grid.affine)
        assert train.network_volume(index) == pytest.approx(volume.array / 2500)
        for xray, path in zip(train.xrays(index), (files.ap, files.lateral), strict=True):
            np.testing.assert_array_equal(xray.grey, read_xray(path).grey)
            assert xray.full_scale_hu_mm == pytest.approx(read_xray(path).full_scale_hu_mm)


def test_samples_can_be_handed_to_another_process(train):
    copy = pickle.loads(pickle.dumps(train))
    np.testing.assert_array_equal(copy.volume(1).array, train.volume(1).array)
    assert copy.size == 16
    assert len(copy) == len(train) == 10


def test_predictions_come_back_unclipped(tmp_path):
    volumes = np.random.default_rng(0).normal(size=(3, 8, 8, 8)).astype(np.float32)
    write_predictions(tmp_path / "ipf.h5", "ipf", ["a", "b", "c"], iter(volumes))
    found = read_predictions(tmp_path / "ipf.h5")
    assert (found.row, found.scans, len(found)) == ("ipf", ("a", "b", "c"), 3)
    np.testing.assert_array_equal(found.network_volume(2), volumes[2])


def test_foreign_and_damaged_files_are_named(train, tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5", encoding="utf-8")
    with pytest.raises(SrnetError, match=r"text\.h5: is no HDF5 file"):
        read_dataset(tmp_path / "text.h5")
    with pytest.raises(SrnetError, match="not written by this pipeline"):
        read_predictions(train.path)


@pytest.mark.parametrize("kind", ["soft", "external", "virtual", "group", "shape", "claim"])
def test_what_a_data_set_does_not_hold_itself_is_refused(train, tmp_path, kind):
    """A link may lead to any file of the machine."""
    path = tmp_path / "train.h5"
    path.write_bytes(train.path.read_bytes())
    with h5py.File(path, "a") as file:
        whole = file["ct"].shape
        del file["ct"]
        if kind == "soft":
            file["ct"] = h5py.SoftLink("/ap")
        elif kind == "external":
            file["ct"] = h5py.ExternalLink(str(train.path), "ct")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(whole, np.int16)
            layout[:] = h5py.VirtualSource(str(train.path), "ct", whole)
            file.create_virtual_dataset("ct", layout)
        elif kind == "group":
            file.create_group("ct")
        elif kind == "shape":
            file["ct"] = np.zeros((10, 16, 16, 8), np.int16)
        else:
            file.create_dataset("ct", whole, np.int16)
    with pytest.raises(SrnetError, match=r"train\.h5: is damaged or was not written by this"):
        read_dataset(path)


def read_all(path):
    """Read everything of a data set, as training and evaluation do."""
    samples = read_dataset(path)
    for index in range(len(samples)):
        samples.network_volume(index)
        samples.xrays(index)
    samples.all_targets()
    samples.all_xrays()


def read_all_predictions(path):
    found = read_predictions(path)
    for index in range(len(found)):
        found.network_volume(index)


@pytest.mark.slow
def test_mutated_data_sets_are_read_or_refused(train, tmp_path, capsys):
    (tmp_path / "train.h5").write_bytes(train.path.read_bytes())
    volumes = np.random.default_rng(0).normal(size=(3, 8, 8, 8)).astype(np.float32)
    write_predictions(tmp_path / "ipf.h5", "ipf", ["a", "b", "c"], iter(volumes))
    sets = count_outcomes(read_all, tmp_path / "train.h5", 200)
    rows = count_outcomes(read_all_predictions, tmp_path / "ipf.h5", 150)
    with capsys.disabled():
        print(f"\ndata set: {dict(sets)}, predictions: {dict(rows)}", end=" ")  # noqa: T201
    assert sets["refused"] > 50
    assert rows["refused"] > 30
