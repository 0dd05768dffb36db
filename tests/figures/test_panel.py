import numpy as np
import pytest

from srnet.figures.canvas import new_figure
from srnet.figures.panel import AXIAL, CORONAL, SAGITTAL, draw, scale_bar
from srnet.imaging.volume import Grid

GRID = Grid((4, 5, 6), (3.0, 2.0, 1.0), (0.0, 0.0, 0.0))


@pytest.fixture
def marked():
    """One bright voxel: superior, posterior, on the patient's left."""
    array = np.zeros(GRID.shape, np.float32)
    array[0, 4, 5] = 1
    return array


@pytest.mark.parametrize(
    ("plane", "place"),
    [(CORONAL, "S L"), (SAGITTAL, "S P"), (AXIAL, "P L")],
    ids=["coronal", "sagittal", "axial"],
)
def test_a_marker_lies_at_the_edges_that_the_letters_name(marked, plane, place):
    row, column = np.unravel_index(plane.mip(marked).argmax(), plane.mip(marked).shape)
    left, right, top, bottom = plane.edges
    letter = {True: top, False: bottom}[bool(row == 0)]
    side = {True: left, False: right}[bool(column == 0)]
    assert f"{letter} {side}" == place


@pytest.mark.parametrize("plane", [CORONAL, SAGITTAL, AXIAL])
def test_a_picture_is_as_large_as_its_pixels_together(marked, plane):
    rows, columns = plane.mip(marked).shape
    height, width = plane.pixel_mm(GRID)
    assert plane.size_mm(GRID) == (rows * height, columns * width)


def test_slice_through_bone_follows_an_off_centre_spine():
    array = np.zeros((4, 5, 60), np.float32)
    array[:, 2, 10:13] = 1
    assert SAGITTAL.through_bone(array) == 11
    assert SAGITTAL.through_bone(np.zeros_like(array)) == 30


def test_scale_bar_has_its_length_in_mm():
    axes = new_figure(2, 2).add_axes((0, 0, 1, 1))
    draw(axes, np.zeros((100, 100), np.float32), (2.0, 2.5), (0, 1))
    scale_bar(axes)
    start, end = np.asarray(axes.lines[0].get_xdata())
    assert end - start == 50
    assert axes.texts[0].get_text() == "50 mm"
    assert axes.get_xlim() == (0, 250), "drawing the bar must not rescale the picture"
