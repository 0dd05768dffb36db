import math

import numpy as np
import pytest

from srnet.evaluate.reprojection import reprojection_error
from srnet.imaging.geometry import ConeBeam, View
from srnet.imaging.target import TARGET_MAX
from srnet.imaging.volume import Grid, Volume
from srnet.prepare.project_drr import cast_rays

SPACING_MM = (4.0, 3.0, 2.5)
BEAM = ConeBeam(541.0)


def xrays(volume: np.ndarray) -> np.ndarray:
    """Return the line integrals of network values, AP and lateral, in HU mm."""
    grid = Grid(volume.shape, SPACING_MM, (0.0, 0.0, 0.0))
    return np.stack([cast_rays(Volume(volume * TARGET_MAX, grid), BEAM, view) for view in View])


def error(prediction: np.ndarray, integrals: np.ndarray) -> float:
    return reprojection_error(prediction, integrals, BEAM, SPACING_MM)


def test_the_target_explains_its_own_xrays(pair):
    assert error(pair[0], xrays(pair[0])) == pytest.approx(0, abs=1e-6)


def test_an_empty_volume_explains_nothing(pair):
    assert error(np.zeros_like(pair[0]), xrays(pair[0])) == pytest.approx(1)


@pytest.mark.parametrize("factor", [0.25, 0.5, 0.75])
def test_thinner_bone_leaves_its_share_unexplained(pair, factor):
    assert error(pair[0] * factor, xrays(pair[0])) == pytest.approx(1 - factor, abs=1e-4)


def test_values_beyond_the_range_are_cut_off_first(pair):
    wild = np.where(pair[0] == 0, -3, pair[0])
    assert error(wild, xrays(pair[0])) == pytest.approx(0, abs=1e-6)


def test_a_shift_along_one_view_shows_in_the_other(pair):
    """What moves along the rays of a view is seen by the view across."""
    integrals = xrays(pair[0])
    moved = np.roll(pair[0], 3, axis=1)
    each = np.abs(xrays(moved) - integrals).sum(axis=(1, 2)) / integrals.sum(axis=(1, 2))
    assert each[1] > 2 * each[0]
    assert error(moved, integrals) == pytest.approx(each.mean(), rel=0.05)


def test_empty_xrays_have_no_error_to_tell(pair):
    assert math.isnan(error(pair[0], np.zeros((2, 32, 32), dtype=np.float32)))
