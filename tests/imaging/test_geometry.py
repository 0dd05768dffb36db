import numpy as np
import pytest

from srnet.imaging.geometry import ConeBeam, View
from srnet.imaging.volume import Axis, Grid

BEAM = ConeBeam(541, 949)
GRID = Grid.centred((8, 6, 4), (3.0, 2.0, 1.0), (0, 0, 0))


def test_source_is_anterior_and_at_the_left():
    assert BEAM.source_mm(View.AP) == (0, -541, 0)
    assert BEAM.source_mm(View.LATERAL) == (0, 0, 541)


@pytest.mark.parametrize("view", View)
def test_detector_lies_behind_the_patient_at_its_distance(view):
    pixels, source = BEAM.pixels_mm(view, GRID), BEAM.source_mm(view)
    assert np.unique(pixels[..., view.depth] - source[view.depth]) == pytest.approx(
        -view.source_side * 949
    )


@pytest.mark.parametrize("view", View)
def test_a_ray_meets_the_voxel_of_its_row_and_column_in_the_isocentre_plane(view):
    pixels, source = BEAM.pixels_mm(view, GRID), np.array(BEAM.source_mm(view))
    crossing = source + (pixels - source) * 541 / 949
    assert crossing[..., view.depth] == pytest.approx(0, abs=1e-9)
    middle = (np.array(GRID.shape) - 1) / 2
    rows = (np.arange(GRID.shape[0]) - middle[0]) * 3.0
    assert crossing[:, 0, Axis.CRANIOCAUDAL] == pytest.approx(rows)
    columns = (np.arange(GRID.shape[view.columns]) - middle[view.columns]) * GRID.spacing_mm[
        view.columns
    ]
    assert crossing[0, :, view.columns] == pytest.approx(columns)
