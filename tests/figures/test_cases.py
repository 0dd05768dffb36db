import h5py
import numpy as np
import pytest

from srnet.core.errors import SrnetError
from srnet.figures.cases import choose_scans, read_case


def test_median_case_is_neither_best_nor_worst(fake_run):
    assert choose_scans(fake_run.test, fake_run.predictions["srnet3d"]) == ["sub-a_ct"]


def test_more_cases_than_scans_repeat_them(fake_run):
    scans = choose_scans(fake_run.test, fake_run.predictions["srnet3d"], count=4)
    assert scans[0] == scans[3] == "sub-a_ct"
    assert set(scans) == {"sub-a_ct", "sub-b_ct", "sub-c_ct"}


def test_case_holds_target_and_rows_in_the_order_given(fake_run):
    paths = [fake_run.predictions[row] for row in ("srnet3d", "ipf")]
    case = read_case(fake_run.test, paths, "sub-b_ct")
    assert list(case.volumes()) == ["target", "srnet3d", "ipf"]
    np.testing.assert_allclose(case.reconstructions["ipf"], case.target.array, atol=1e-6)
    assert case.target.grid.spacing_mm == (3.0, 2.0, 1.0)
    assert case.ap.max() == pytest.approx(1.0, abs=0.1)


def test_unknown_scan_is_named_with_the_choices(fake_run):
    with pytest.raises(SrnetError, match=r"'nobody'.*sub-a_ct, sub-b_ct"):
        read_case(fake_run.test, [], "nobody")


def test_prediction_of_another_test_set_is_refused(fake_run, tmp_path):
    stale = tmp_path / "stale.h5"
    with h5py.File(stale, "w") as file:
        file["ct"] = np.zeros((1, 4, 4, 4), np.float32)
        file.create_dataset("scan", data=["old"], dtype=h5py.string_dtype())
        file.attrs["row"] = np.bytes_(b"old")
    with pytest.raises(SrnetError, match="predict this test set again"):
        read_case(fake_run.test, [stale], "sub-a_ct")
