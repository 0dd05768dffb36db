import numpy as np
import pytest
from scipy import ndimage

from srnet.evaluate.surface import dice, surface_distances


def ball(radius, size=40):
    centred = np.indices((size,) * 3) - (size - 1) / 2
    return (centred**2).sum(axis=0) <= radius**2


def test_concentric_balls_are_the_difference_of_their_radii_apart():
    distances = surface_distances(ball(10), ball(14), (1.0, 1.0, 1.0))
    assert distances.average() == pytest.approx(4, abs=0.3)
    assert distances.hausdorff95() == pytest.approx(4, abs=0.5)


def test_spacing_scales_every_distance():
    first, second = ball(8), ball(11)
    one = surface_distances(first, second, (1.0, 1.0, 1.0))
    three = surface_distances(first, second, (3.0, 3.0, 3.0))
    assert three.average() == pytest.approx(3 * one.average())
    assert three.share_within(9) == one.share_within(3)


def test_distances_equal_those_of_a_distance_transform():
    first, second = ball(9), np.roll(ball(7), (3, -2, 1), axis=(0, 1, 2))
    spacing = (2.0, 1.0, 0.5)
    edge = [mask & ~ndimage.binary_erosion(mask, border_value=1) for mask in (first, second)]
    expected = ndimage.distance_transform_edt(~edge[1], sampling=spacing)[edge[0]]
    found = surface_distances(first, second, spacing).to_prediction
    assert np.allclose(np.sort(found), np.sort(expected))


def test_bone_cut_by_the_field_of_view_has_no_surface_there():
    column = np.zeros((20, 20, 20), dtype=bool)
    column[:, 8:12, 8:12] = True
    distances = surface_distances(column, column, (1.0, 1.0, 1.0))
    assert len(distances.to_target) == 20 * (4 * 4 - 2 * 2)


def test_swapping_the_masks_changes_nothing():
    first, second = ball(9), ball(6)
    ahead = surface_distances(first, second, (1.0, 2.0, 3.0))
    back = surface_distances(second, first, (1.0, 2.0, 3.0))
    assert ahead.hausdorff95() == back.hausdorff95()
    assert ahead.average() == pytest.approx(back.average())
    assert dice(first, second) == dice(second, first)
