import numpy as np
import pytest

from srnet.imaging.target import from_network, hounsfield, network_value, to_network, to_target
from srnet.imaging.volume import AIR_HU


def test_hu_becomes_the_published_scale():
    hu = np.array([AIR_HU, -1024, -999, 0, 1000, 1476, 3071], np.int16)
    assert to_target(hu).tolist() == [0, 0, 25, 1024, 2024, 2500, 2500]


def test_networks_see_it_in_zero_to_one_and_it_comes_back():
    target = np.arange(2501, dtype=np.int16)
    values = to_network(target)
    assert values.dtype == np.float32
    assert values.min() == 0
    assert values.max() == 1
    np.testing.assert_array_equal(from_network(values), target)


def test_values_beyond_the_scale_are_clipped():
    assert from_network(np.array([-0.2, 1.5])).tolist() == [0, 2500]
    assert to_network(np.array([1250], np.int16)) == pytest.approx(0.5)


def test_hounsfield_and_network_values_are_inverse():
    assert network_value(-1024) == 0
    assert network_value(1476) == 1
    assert hounsfield(network_value(226)) == pytest.approx(226)
