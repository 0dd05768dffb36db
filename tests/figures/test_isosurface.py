import sys

import numpy as np
import pytest

from srnet.core.errors import SrnetError
from srnet.figures.camera import Camera, towards
from srnet.figures.isosurface import Scene, Shot, render_surfaces
from srnet.imaging.volume import Grid

GRID = Grid((20, 20, 20), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def pictures():
    """A cube of 16 mm, superior and on the patient's left, from the front and from behind."""
    array = np.zeros(GRID.shape, np.float32)
    array[2:10, 6:14, 10:18] = 1
    middle = (19.0, 19.0, 19.0)
    scene = Scene({"cube": array, "nothing": 0.1 * array}, GRID, 0.5)
    cameras = [Camera(middle, towards(azimuth, 0), 25.0) for azimuth in (0, 180)]
    shots = [Shot(scene, "cube", camera, (100, 150)) for camera in cameras]
    return render_surfaces([*shots, Shot(scene, "nothing", cameras[0], (100, 150))])


def _inked(picture):
    return np.argwhere((picture < 250).any(axis=2))


def test_left_is_where_the_camera_says(pictures):
    front, behind = (_inked(picture).mean(axis=0) for picture in pictures[:2])
    assert front[1] > 80
    assert behind[1] < 70
    assert front[0] < 45, "superior is up"


def test_lengths_are_true_to_scale(pictures):
    rows = _inked(pictures[0])[:, 0]
    # 50 mm on 100 pixels; eight voxels of 2 mm, half a voxel less or more by smoothing.
    assert np.ptp(rows) / 2 == pytest.approx(16, abs=1.5)


def test_volume_below_the_level_gives_a_white_picture(pictures):
    assert (pictures[2] == 255).all()
    assert pictures[2].shape == (100, 150, 3)


def test_crash_of_the_graphics_library_becomes_an_error_that_names_packages(monkeypatch, tmp_path):
    crashing = tmp_path / "python"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n", encoding="utf-8")
    crashing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crashing))
    with pytest.raises(SrnetError, match=r"apt-get install libegl1.*vtkEGLRenderWindow: exit -11"):
        render_surfaces([])
