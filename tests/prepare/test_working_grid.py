import numpy as np
import pytest

from srnet.imaging.volume import Grid
from srnet.prepare.working_grid import WorkingGrid


def blocks(*spacing):
    return WorkingGrid.of(Grid((8, 8, 8), spacing, (0, 0, 0)))


@pytest.mark.parametrize(
    ("spacing", "factors"),
    [
        ((2.5, 0.7, 0.7), (1, 2, 2)),
        ((0.5, 0.5, 0.5), (3, 3, 3)),
        ((4.25, 0.977, 0.977), (1, 2, 2)),
        ((1.0, 1.0, 1.0), (1, 1, 1)),
        ((2.5, 4.0, 4.0), (1, 1, 1)),
    ],
)
def test_only_voxels_under_a_millimetre_are_joined(spacing, factors):
    found = blocks(*spacing)
    assert found.factors == factors
    assert found.spacing_mm == pytest.approx(np.multiply(spacing, factors))


@pytest.mark.parametrize("spacing", [(2.5, 0.7, 0.7), (0.4, 0.4, 0.4)])
def test_means_of_blocks(spacing):
    grid = blocks(*spacing)
    array = np.random.default_rng(0).integers(-1024, 3071, (12, 12, 12)).astype(np.int16)
    one, two, three = grid.factors
    shape = 12 // one, one, 12 // two, two, 12 // three, three
    expected = array.reshape(shape).mean(axis=(1, 3, 5))
    found = grid.mean(array)
    assert found.dtype == np.int16
    assert found == pytest.approx(expected, abs=0.5 + 1e-9)


def test_incomplete_blocks_at_the_far_side_are_kept():
    array = np.full((3, 5, 7), 300, np.int16)
    found = blocks(2.5, 0.7, 0.7).mean(array)
    assert found.shape == (3, 3, 4)
    assert np.all(found == 300)


def test_coarse_scans_pass_through():
    array = np.arange(27, dtype=np.int16).reshape(3, 3, 3)
    assert blocks(2.0, 2.0, 2.0).mean(array) is array


def test_deep_blocks_are_taken_whole_and_surface_voxels_by_their_value():
    grid = blocks(2.5, 0.7, 0.7)
    mask = np.zeros((5, 9, 9), bool)
    mask[:, 2:7, 2:7] = True
    hu = np.full((5, 17, 18), 50, np.int16)
    hu[:, 3:14, 4:14] = 500
    hu[2, 8, 8] = -20
    found = grid.to_scan(mask, hu, 200)
    assert found.shape == hu.shape
    assert found[2, 8, 8], "a dark voxel deep inside"
    assert found[2, 3, 6], "bone that reaches out of the mask by half a block"
    assert not found[2, 4:14, 14:].any(), "soft tissue along the surface"
    np.testing.assert_array_equal(found[:, 4:14, 4:14], True)
