"""Signed distances, compared with solids whose distances are known."""

import numpy as np
import pytest

from srnet.phantom.shapes import Frame, Lattice, bar, blend, ellipsoid, tube

LATTICE = Lattice((-30.0, -30.0, -30.0), 1.0, (61, 61, 61))
WHOLE = (slice(0, 61),) * 3


@pytest.fixture(scope="module")
def points():
    return LATTICE.points(WHOLE)


def test_a_bar_without_length_is_a_ball(points):
    distance = bar(points, (3, 4, 5), (3, 4, 5), (7, 7))
    exact = np.sqrt((points[0] - 3) ** 2 + (points[1] - 4) ** 2 + (points[2] - 5) ** 2) - 7
    np.testing.assert_allclose(distance, exact, atol=1e-4)


def test_a_bar_has_the_volume_of_a_cylinder_with_round_ends(points):
    inside = bar(points, (0.3, 0.4, -10.2), (0.3, 0.4, 9.8), (9.3, 9.3)) < 0
    cylinder, ends = np.pi * 9.3**2 * 20, 4 / 3 * np.pi * 9.3**3
    assert inside.sum() == pytest.approx(cylinder + ends, rel=0.02)


def test_a_stretched_ball_is_an_ellipsoid(points):
    stretched = bar(points, (0, 0, 0), (0, 0, 0), (8.1, 8.1), (1.0, 1.5, 2.0)) < 0
    straight = ellipsoid(points, (0, 0, 0), (8.1, 12.15, 16.2)) < 0
    assert np.array_equal(stretched, straight)
    assert stretched.sum() == pytest.approx(4 / 3 * np.pi * 8.1 * 12.15 * 16.2, rel=0.02)


def test_distances_are_true_along_the_axes_of_an_ellipsoid():
    zero, far = np.zeros(1, dtype=np.float32), np.full(1, 20, dtype=np.float32)
    line = zero, far, zero
    assert ellipsoid(line, (0, 0, 0), (8, 12, 16))[0] == pytest.approx(8, abs=1e-4)
    assert tube(line, (0.0, 0.0), (5.0, 9.0))[0] == pytest.approx(11, abs=1e-4)


def test_a_union_holds_both_solids_and_a_fillet_but_nothing_elsewhere(points):
    one = bar(points, (-6, 0, 0), (-6, 0, 0), (8, 8))
    other = bar(points, (6, 0, 0), (6, 0, 0), (8, 8))
    union = blend(one, other)
    assert np.all(union <= np.minimum(one, other))
    assert np.all(union >= np.minimum(one, other) - 0.5)
    far = np.abs(one - other) > 2
    assert np.array_equal(union[far], np.minimum(one, other)[far])


def test_a_frame_turns_and_moves_without_stretching():
    turn = np.deg2rad(30)
    axes = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    frame = Frame(np.array([5.0, -3.0, 2.0]), axes)
    local = LATTICE.points(WHOLE, frame)
    back = np.stack([c[10, 20, 30] for c in local]).astype(float)
    np.testing.assert_allclose(frame.at(*back), [-20, -10, 0], atol=1e-4)


def test_a_box_beside_the_lattice_has_no_slices():
    assert LATTICE.box((40, 0, 0), (50, 10, 10)) is None
    assert LATTICE.box((-500, -500, -500), (500, 500, 500)) == WHOLE
