import numpy as np
import pytest

from srnet.imaging.geometry import DETECTOR_MM, ConeBeam, View
from srnet.imaging.volume import Axis, Grid

BEAM = ConeBeam(541)
GRID = Grid.centred((8, 6, 4), (3.0, 2.0, 1.0), (0, 0, 0))


def test_source_is_anterior_and_at_the_left():
    assert BEAM.source_mm(View.AP) == (0, -541, 0)
    assert BEAM.source_mm(View.LATERAL) == (0, 0, 541)


@pytest.mark.parametrize("view", View)
def test_pixels_lie_behind_the_patient(view):
    pixels, source = BEAM.pixels_mm(view, GRID), BEAM.source_mm(view)
    assert np.unique(pixels[..., view.depth] - source[view.depth]) == pytest.approx(
        -view.source_side * (541 + DETECTOR_MM)
    )


@pytest.mark.parametrize("leading", [0, 2])
def test_the_frame_of_a_view_has_depth_rows_and_columns(leading):
    array = np.zeros((1,) * leading + GRID.shape)
    extents = dict(zip(Axis, GRID.shape, strict=True))
    for view in View:
        frame = array.transpose(view.to_frame(leading))
        wanted = (extents[view.depth], extents[Axis.CRANIOCAUDAL], extents[view.columns])
        assert frame.shape[leading:] == wanted
        assert frame.transpose(view.to_volume(leading)).shape == array.shape


@pytest.mark.parametrize("view", View)
def test_a_ray_meets_the_voxel_of_its_row_and_column_in_the_isocentre_plane(view):
    pixels, source = BEAM.pixels_mm(view, GRID), np.array(BEAM.source_mm(view))
    crossing = source + (pixels - source) * 541 / (541 + DETECTOR_MM)
    assert crossing[..., view.depth] == pytest.approx(0, abs=1e-9)
    middle = (np.array(GRID.shape) - 1) / 2
    rows = (np.arange(GRID.shape[0]) - middle[0]) * 3.0
    assert crossing[:, 0, Axis.CRANIOCAUDAL] == pytest.approx(rows)
    columns = (np.arange(GRID.shape[view.columns]) - middle[view.columns]) * GRID.spacing_mm[
        view.columns
    ]
    assert crossing[0, :, view.columns] == pytest.approx(columns)
