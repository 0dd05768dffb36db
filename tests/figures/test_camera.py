import numpy as np
import pytest

from srnet.figures.camera import Camera, fit, position_mm, towards
from srnet.imaging.volume import Grid

GRID = Grid((10, 20, 30), (3.0, 2.0, 1.0), (0.0, 0.0, 0.0))


def test_positions_run_right_anterior_superior():
    assert position_mm(GRID, (9, 19, 29)) == (0.0, 0.0, 0.0)
    assert position_mm(GRID, (0, 0, 0)) == (29.0, 38.0, 27.0)


@pytest.mark.parametrize(
    ("azimuth", "elevation", "expected"),
    [(0, 0, (0, 1, 0)), (90, 0, (-1, 0, 0)), (180, 0, (0, -1, 0)), (0, 90, (0, 0, 1))],
    ids=["anterior", "left", "posterior", "above"],
)
def test_viewer_stands_where_the_angles_say(azimuth, elevation, expected):
    np.testing.assert_allclose(towards(azimuth, elevation), expected, atol=1e-12)


def test_patients_left_is_on_the_right_from_the_front_and_on_the_left_from_behind():
    left = np.array([[-10.0, 0.0, 0.0]])
    for azimuth, sign in ((0, 1), (180, -1)):
        across, up = Camera((0.0, 0.0, 0.0), towards(azimuth, 0), 1.0).project(left)[0]
        assert across == pytest.approx(sign * 10)
        assert up == pytest.approx(0)


def test_fit_shows_all_of_a_mask_and_touches_it():
    mask = np.zeros(GRID.shape, bool)
    mask[2:7, 3:18, 10:14] = True
    camera = fit(mask, GRID, towards(145, 10), aspect=0.7)
    points = np.array([position_mm(GRID, index) for index in np.argwhere(mask)])
    across, up = np.abs(camera.project(points)).max(axis=0)
    filled = max(across / 0.7, up) / camera.half_height_mm
    assert 0.9 < filled < 1


def test_fit_to_nothing_shows_the_whole_grid():
    camera = fit(np.zeros(GRID.shape, bool), GRID, towards(0, 0), aspect=1.0)
    assert camera.half_height_mm == pytest.approx(1.05 * 29 / 2)
