import numpy as np
import pytest

from srnet.config.prepare import ResampleSettings
from srnet.core.errors import ScanRejected
from srnet.imaging.volume import AIR_HU, Grid, Volume
from srnet.prepare.resample_volume import resample_volume, target_grid

RESIZE, ISOTROPIC = ResampleSettings(), ResampleSettings(mode="isotropic")
MODES = [RESIZE, ISOTROPIC]


def volume(shape, spacing, *sides, value=500):
    array = np.full(shape, AIR_HU, np.int16)
    array[tuple(slice(*side) for side in sides)] = value
    return Volume(array, Grid.centred(shape, spacing, (12.0, -30.0, 700.0)))


BONE = volume((40, 70, 51), (2.5, 0.9, 1.1), (7, 29), (20, 47), (11, 30))


def mass(resampled):
    return resampled.array.sum(dtype=float) * resampled.grid.voxel_ml


def centroid_mm(resampled):
    weights = resampled.array.astype(float)
    index = [(i * weights).sum() / weights.sum() for i in np.indices(weights.shape)]
    return (resampled.grid.affine @ [*index, 1])[:3]


@pytest.mark.parametrize("settings", MODES)
@pytest.mark.parametrize("size", [32, 64, 128])
def test_the_sum_and_its_place_are_kept(size, settings):
    found = resample_volume(BONE, size, settings)
    stored = Volume(np.where(BONE.array > AIR_HU, 1524, 0), BONE.grid)
    assert found.array.shape == (size,) * 3
    assert mass(found) == pytest.approx(mass(stored), rel=0.01)
    assert centroid_mm(found) == pytest.approx(centroid_mm(stored), abs=0.1)


def test_resizing_keeps_the_edges_of_the_view():
    grid = target_grid(BONE.grid, 64, RESIZE)
    assert grid.extent_mm == pytest.approx(BONE.grid.extent_mm)
    assert grid.centre_mm == pytest.approx(BONE.grid.centre_mm)


def test_isotropic_voxels_are_cubes_over_the_longest_edge():
    grid = target_grid(BONE.grid, 64, ISOTROPIC)
    assert grid.extent_mm == pytest.approx((100.0,) * 3)
    assert grid.centre_mm == pytest.approx(BONE.grid.centre_mm)


def test_at_its_own_size_nothing_changes_but_the_zero():
    cube = volume((32, 32, 32), (2.0, 3.0, 4.0), (3, 20), (0, 32), (8, 31), value=321)
    found = resample_volume(cube, 32, RESIZE)
    np.testing.assert_array_equal(found.array, np.where(cube.array > AIR_HU, 321 + 1024, 0))
    assert found.grid.spacing_mm == cube.grid.spacing_mm


@pytest.mark.parametrize(("hu", "stored"), [(-1024, 0), (0, 1024), (1476, 2500), (3071, 2500)])
def test_stored_values(hu, stored):
    cube = volume((32, 32, 32), (1.0, 1.0, 1.0), (4, 28), (4, 28), (4, 28), value=hu)
    found = resample_volume(cube, 32, RESIZE)
    assert found.array.dtype == np.int16
    assert found.array[16, 16, 16] == stored
    assert found.array[0, 0, 0] == 0


def test_shrinking_averages_instead_of_skipping():
    comb = volume((128, 128, 128), (1.0, 1.0, 1.0), (0, 128, 4), (0, 128), (0, 128), value=476)
    found = resample_volume(comb, 32, RESIZE)
    assert found.array == pytest.approx(1500 / 4, abs=1)


def test_enlarging_interpolates_linearly():
    step = volume((32, 32, 32), (2.0, 2.0, 2.0), (0, 32), (0, 32), (16, 32), value=-24)
    line = resample_volume(step, 64, RESIZE).array[32, 32]
    np.testing.assert_array_equal(line[29:35], [0, 0, 250, 750, 1000, 1000])


def test_bone_that_touches_the_edge_stays_there():
    slab = volume((30, 30, 30), (1.0, 1.0, 1.0), (0, 30), (0, 30), (24, 30), value=476)
    for size in (20, 45):
        found = resample_volume(slab, size, RESIZE).array
        assert np.all(found[:, :, -1] == 1500)
        assert np.all(found[:, :, 0] == 0)


def test_no_bone_is_rejected():
    empty = volume((8, 8, 8), (1.0, 1.0, 1.0), (0, 0), (0, 0), (0, 0))
    with pytest.raises(ScanRejected, match="no bone"):
        resample_volume(empty, 32, RESIZE)
