import numpy as np
import pytest

from srnet.imaging.xray import correct_gamma, gamma_of_mean


@pytest.mark.parametrize("mean", [10, 60, 128, 250])
def test_the_mean_level_is_mapped_to_one_hundredth(mean):
    assert (mean / 255) ** gamma_of_mean(mean / 255) == pytest.approx(0.01)


def test_published_example():
    assert gamma_of_mean(60 / 255) == pytest.approx(3.18, abs=0.01)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_an_empty_or_saturated_image_is_left_alone(level):
    image = np.full((4, 5), level, np.float32)
    np.testing.assert_array_equal(correct_gamma(image), image)


def test_black_and_white_and_the_order_of_greys_are_kept():
    image = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    image[0, :2] = 0, 1
    corrected = correct_gamma(image)
    assert corrected.dtype == np.float32
    assert corrected[0, 0] == 0
    assert corrected[0, 1] == 1
    assert np.all(np.diff(corrected.ravel()[np.argsort(image.ravel())]) >= 0)


def test_two_devices_that_differ_by_a_power_agree_after_correction():
    image = np.random.default_rng(1).beta(1, 6, (64, 64)).astype(np.float32)
    other = image**1.3
    before = abs(image.mean() - other.mean()) / image.mean()
    one, two = correct_gamma(image), correct_gamma(other)
    assert abs(one.mean() - two.mean()) / one.mean() < before
