import numpy as np
import pytest

from srnet.imaging.volume import Axis
from srnet.prepare.masks import (
    close_gaps,
    core,
    fill_holes,
    keep_cortical_pieces,
    largest_piece,
)


def box(shape, *sides):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*side) for side in sides)] = True
    return mask


def test_largest_piece_ignores_corner_contacts():
    body = box((10, 10, 10), (0, 6), (0, 6), (0, 6))
    couch = box((10, 10, 10), (6, 10), (6, 10), (6, 10))
    np.testing.assert_array_equal(largest_piece(body | couch), body)


def test_pieces_need_size_and_cortex():
    bone = box((20, 20, 20), (1, 9), (1, 9), (1, 9))
    kidney = box((20, 20, 20), (11, 19), (11, 19), (11, 19))
    crumb = box((20, 20, 20), (1, 2), (15, 16), (15, 16))
    cortex = box((20, 20, 20), (1, 2), (1, 9), (1, 9)) | crumb
    kept = keep_cortical_pieces(bone | kidney | crumb, cortex, smallest=10, fraction=0.03)
    np.testing.assert_array_equal(kept, bone)


def test_the_core_is_what_a_ball_reaches_around_without_leaving():
    steps = (2.0, 1.0, 1.0)
    axes = zip(steps, np.ogrid[-15:16, -25:26, -25:26], strict=True)
    distance = np.sqrt(sum((step * axis) ** 2 for step, axis in axes))
    ball = distance < 20
    inner = core(ball, 8.0, steps)
    assert inner[distance < 12].all()
    # A ball of voxels reaches up to one voxel less far than its radius.
    assert not inner[distance > 14.5].any()


def test_a_thin_plate_and_the_edge_of_the_image_have_no_core():
    assert not core(box((30, 30, 30), (0, 30), (0, 30), (10, 18)), 4.0, (1.0, 1.0, 1.0)).any()
    whole = np.ones((20, 20, 20), bool)
    inner = core(whole, 4.0, (1.0, 1.0, 1.0))
    assert inner[10, 10, 10]
    assert not inner[3].any()


def gap(millimetres, spacing):
    voxels = round(millimetres / spacing)
    mask = np.ones((6, 6, 10 + voxels), bool)
    mask[:, :, 5 : 5 + voxels] = False
    return mask


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0])
def test_closing_bridges_gaps_narrower_than_the_ball_at_any_spacing(spacing):
    assert close_gaps(gap(2.0, spacing), 2.0, (spacing,) * 3).all()
    wide = gap(6.0, spacing)
    np.testing.assert_array_equal(close_gaps(wide, 2.0, (spacing,) * 3), wide)


def test_closing_does_nothing_where_voxels_exceed_the_ball():
    mask = gap(4.0, 4.0)
    np.testing.assert_array_equal(close_gaps(mask, 2.0, (4.0, 4.0, 2.5)), mask)


def test_closing_never_removes_and_does_not_stick_to_the_edge():
    mask = np.random.default_rng(0).random((12, 12, 12)) > 0.7
    closed = close_gaps(mask, 2.0, (1.0, 1.0, 1.0))
    assert np.all(closed[mask])
    lone = box((9, 9, 9), (1, 2), (4, 5), (4, 5))
    np.testing.assert_array_equal(close_gaps(lone, 2.0, (1.0, 1.0, 1.0)), lone)


def tube(axis):
    """Return a tube that is open along an axis, and what it encloses."""
    outer, inner = box((20, 20, 20), *[(4, 16)] * 3), np.ones((20, 20, 20), bool)
    core = [slice(7, 13)] * 3
    core[axis] = slice(None)
    inner[:] = False
    inner[tuple(core)] = True
    return outer & ~inner, outer & inner


@pytest.mark.parametrize("axis", Axis)
@pytest.mark.parametrize("normal", Axis)
def test_a_tube_is_filled_only_across(axis, normal):
    wall, lumen = tube(axis)
    filled = fill_holes(wall, np.full(wall.shape, 50), normal, largest=36, lowest_mean_hu=-100)
    np.testing.assert_array_equal(filled, wall | lumen if axis == normal else wall)


@pytest.mark.parametrize(("hu", "largest"), [(-500, 36), (50, 35)])
def test_holes_of_air_and_large_holes_stay_open(hu, largest):
    wall, _ = tube(Axis.LEFT_RIGHT)
    filled = fill_holes(wall, np.full(wall.shape, hu), Axis.LEFT_RIGHT, largest, -100)
    np.testing.assert_array_equal(filled, wall)


def test_a_bay_cut_off_by_the_edge_of_the_image_is_no_hole():
    wall, _ = tube(Axis.LEFT_RIGHT)
    half = wall[10:]
    filled = fill_holes(half, np.full(half.shape, 50), Axis.LEFT_RIGHT, 1000, -100)
    np.testing.assert_array_equal(filled, half)
