import pytest

from srnet.core.errors import ScanRejected
from srnet.prepare.separate_bone import (
    check_amount,
    check_centres,
    warn_of_contrast,
    warn_of_metal,
)


@pytest.mark.parametrize(("centre", "threshold"), [(241, 160), (380, 226), (365, 199)])
def test_clusters_of_real_scans_pass(centre, threshold):
    check_centres(centre, threshold)


@pytest.mark.parametrize(("centre", "threshold"), [(30, 20), (118, 81), (390, 300)])
def test_water_and_an_abdomen_without_bone_do_not(centre, threshold):
    with pytest.raises(ScanRejected, match=f"centred at {centre} HU"):
        check_centres(centre, threshold)


@pytest.mark.parametrize("share", [0.011, 0.035, 0.195])
def test_plausible_amounts_pass_in_silence(share):
    assert check_amount(share * 5000, 5000) == []


def test_a_suspicious_amount_is_warned_of():
    assert "21.4%" in check_amount(1070, 5000)[0]


@pytest.mark.parametrize("share", [0.0, 0.009, 0.41, 0.88])
def test_impossible_amounts_are_refused(share):
    with pytest.raises(ScanRejected, match="would be bone"):
        check_amount(share * 5000, 5000)


def test_metal_is_warned_of_by_volume():
    assert warn_of_metal(0.1, 3000) == []
    assert "7.4 ml above 3000 HU" in warn_of_metal(7.4, 3000)[0]


def test_contrast_is_warned_of_by_the_volume_deep_within():
    assert warn_of_contrast(3.9) == []
    assert "17 ml" in warn_of_contrast(17.4)[0]
    assert "contrast agent" in warn_of_contrast(17.4)[0]
