from dataclasses import replace

import h5py
import numpy as np
import pytest

from srnet.config.prepare import DrrSettings
from srnet.core.errors import SrnetError
from srnet.core.stamp import stamped
from srnet.dataset.pack_dataset import pack_dataset
from srnet.imaging.volume import read_volume, write_volume
from srnet.imaging.xray import LEVELS, read_xray


@pytest.fixture(scope="module")
def packed(cohort, tmp_path_factory):
    path = tmp_path_factory.mktemp("dataset") / "train.h5"
    with stamped("0123456789abcdef"):
        pack_dataset(path, cohort.files, cohort.split, "train", DrrSettings())
    return path


def test_holds_every_sample_of_its_part_in_order(cohort, packed):
    train = [row for row in cohort.split if row.part == "train"]
    with h5py.File(packed) as file:
        for column, name in (("scan", "scan"), ("patient", "patient"), ("source", "source")):
            assert [t.decode() for t in file[column]] == [getattr(r, name) for r in train]
        assert file["ct"].shape == (10, 16, 16, 16)


def test_values_are_those_of_the_files(cohort, packed):
    by_scan = {files.scan: files for files in cohort.files}
    with h5py.File(packed) as file:
        for index, scan in enumerate(file["scan"].asstr()):
            files = by_scan[scan]
            volume, ap = read_volume(files.volume), read_xray(files.ap)
            np.testing.assert_array_equal(file["ct"][index], volume.array)
            assert file["ap"][index] == pytest.approx(ap.grey * LEVELS, abs=1e-2)
            assert file["full_scale_hu_mm"][index, 0] == pytest.approx(ap.full_scale_hu_mm)
            assert file["spacing_mm"][index] == pytest.approx(volume.grid.spacing_mm)
            assert file["origin_mm"][index] == pytest.approx(volume.grid.origin_mm)


def test_says_how_it_was_made_and_has_one_chunk_per_sample(packed):
    with h5py.File(packed) as file:
        assert file.attrs["size"] == 16
        assert file.attrs["source_to_isocentre_mm"] == 541
        assert "source_to_detector_mm" not in file.attrs
        assert file.attrs["record"] == "0123456789abcdef"
        assert file["ct"].chunks == (1, 16, 16, 16)
        assert file["ct"].dtype == np.int16
        assert file["lateral"].chunks == (1, 16, 16)
        assert file["lateral"].dtype == np.uint16


def test_the_same_samples_make_the_same_bytes(cohort, packed, tmp_path):
    again = tmp_path / "again.h5"
    with stamped("0123456789abcdef"):
        pack_dataset(again, cohort.files, cohort.split, "train", DrrSettings())
    assert again.read_bytes() == packed.read_bytes()


def test_a_missing_scan_and_an_empty_part_are_named(cohort, tmp_path):
    with pytest.raises(SrnetError, match=f"no files for {cohort.split[0].scan}"):
        pack_dataset(
            tmp_path / "a.h5", cohort.files[1:], cohort.split, cohort.split[0].part, DrrSettings()
        )
    with pytest.raises(SrnetError, match="none of the 12 scans"):
        pack_dataset(tmp_path / "a.h5", cohort.files, cohort.split, "trial", DrrSettings())


def test_mixed_sizes_are_refused(cohort, tmp_path):
    small = read_volume(cohort.files[3].volume)
    path = tmp_path / cohort.files[3].volume.name
    write_volume(path, replace(small, array=small.array[:8]))
    files = [replace(f, volume=path) if f is cohort.files[3] else f for f in cohort.files]
    split = [replace(row, part="train") for row in cohort.split]
    with pytest.raises(SrnetError, match="do not fit the set's size"):
        pack_dataset(tmp_path / "a.h5", files, split, "train", DrrSettings())
    assert not (tmp_path / "a.h5").exists()
