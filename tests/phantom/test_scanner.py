"""Generated scanners: slices, noise, padding, and the position of voxels in their files."""

import numpy as np
import pytest

from srnet.imaging.volume import canonical
from srnet.phantom.scanner import average, draw_scanner, simulate_scan, to_file
from srnet.phantom.shapes import Lattice


def scanner(seed, **changes):
    drawn = draw_scanner(np.random.default_rng(seed), 2.0)
    return type(drawn)(**{**vars(drawn), **changes})


def test_slices_are_means_of_what_they_cover():
    array = np.arange(2 * 3 * 8, dtype=np.float32).reshape(2, 3, 8)
    thick = average(array, 2, 4)
    assert thick.shape == (2, 3, 2)
    np.testing.assert_allclose(thick[..., 0], array[..., :4].mean(axis=-1))
    assert np.array_equal(average(array, 1, 1), array)


@pytest.mark.parametrize("seed", range(12))
def test_drawn_scanners_have_usual_voxel_sizes(seed):
    drawn = scanner(seed)
    assert 1.7 <= drawn.step_mm <= 2.3
    assert drawn.step_mm <= drawn.thickness * drawn.step_mm <= 5.0


def test_noise_has_the_strength_asked_for_and_falls_with_the_voxel():
    flat = np.zeros((60, 60, 60), dtype=np.float32)
    rng = np.random.default_rng(1)
    plain = scanner(0, noise_hu=12.0, padding_hu=None, step_mm=2.0, thickness=1)
    thick = scanner(0, noise_hu=12.0, padding_hu=None, step_mm=2.0, thickness=2)
    assert np.std(simulate_scan(flat, plain, rng)) == pytest.approx(12, rel=0.05)
    assert np.std(simulate_scan(flat, thick, rng)) == pytest.approx(12 / np.sqrt(2), rel=0.05)


def test_padding_lies_outside_of_a_round_field_only():
    drawn = scanner(0, padding_hu=-3024, thickness=1)
    values = simulate_scan(
        np.zeros((50, 50, 4), dtype=np.float32), drawn, np.random.default_rng(1)
    )
    assert np.all(values[0, 0] == -3024)
    assert np.all(values[10:40, 10:40] > -1000)


@pytest.mark.parametrize("axes", ["LPS", "PIR", "SRP"])
@pytest.mark.parametrize(("thick_axis", "thickness"), [(2, 1), (2, 2), (0, 3)])
def test_a_voxel_keeps_its_place_through_file_and_import(axes, thick_axis, thickness):
    drawn = scanner(3, axes=axes, thick_axis=thick_axis, thickness=thickness)
    lattice = Lattice((10.0, 20.0, 30.0), drawn.step_mm, (18, 16, 12))
    field = np.zeros(lattice.shape, dtype=np.float32)
    first = [6, 6, 6]
    block = [slice(f, f + (thickness if a == thick_axis else 1)) for a, f in enumerate(first)]
    field[tuple(block)] = 1
    volume = canonical(to_file(average(field, thick_axis, thickness), lattice, drawn))
    (found,) = np.argwhere(volume.array > 0.5)
    centre = [lattice.ticks(a)[block[a]].mean() for a in range(3)]
    np.testing.assert_allclose(
        (volume.grid.affine @ [*found, 1])[:3], np.add(centre, drawn.table_origin_mm), atol=1e-3
    )
