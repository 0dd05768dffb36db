"""The surface is closed, keeps its size, and leaves specks out."""

import gzip

import numpy as np
import pytest

from srnet.clinical.mesh import bone_mask, encode_mz3, extract_mesh
from srnet.config.clinical import ClinicalSettings
from srnet.core.errors import SrnetError
from srnet.imaging.volume import Grid, Volume

SPACING = (2.0, 1.0, 1.5)
RADIUS_MM = 20.0


@pytest.fixture
def ball() -> Volume:
    """Return a soft-edged ball beside a single bright voxel, off the world's centre."""
    shape = 40, 60, 50
    places = np.indices(shape).astype(float)
    away = [(p - (n - 1) / 2) * s for p, n, s in zip(places, shape, SPACING, strict=True)]
    radius = np.sqrt(sum(a * a for a in away))
    values = np.clip(0.25 + (RADIUS_MM - radius) / 8, 0, 1).astype(np.float32)
    values[1, 1, 1] = 1
    return Volume(values, Grid.centred(shape, SPACING, (100, -50, 700)))


@pytest.mark.parametrize("smoothing", [0, 10, 40])
def test_a_ball_keeps_volume_place_and_closed_surface(ball, smoothing):
    import trimesh

    mesh = extract_mesh(ball, ClinicalSettings(smoothing=smoothing))
    surface = trimesh.Trimesh(mesh.points_mm, mesh.triangles)
    assert surface.is_watertight
    assert surface.volume == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3, rel=0.02)
    np.testing.assert_allclose(mesh.bounds_mm.mean(axis=0), (-100, 50, 700), atol=0.3)
    np.testing.assert_allclose(np.ptp(mesh.bounds_mm, axis=0), 2 * RADIUS_MM, atol=1)


def test_specks_are_left_out_and_large_pieces_kept(ball):
    assert not bone_mask(ball, ClinicalSettings())[1, 1, 1]
    assert bone_mask(ball, ClinicalSettings(component_share=0))[1, 1, 1]


def test_bone_at_the_border_is_closed(ball):
    import trimesh

    cut = Volume(np.ascontiguousarray(ball.array[:20]), ball.grid)
    mesh = extract_mesh(cut, ClinicalSettings(smoothing=0))
    assert trimesh.Trimesh(mesh.points_mm, mesh.triangles).is_watertight


def test_an_empty_reconstruction_is_said_to_be_one(ball):
    empty = Volume(np.zeros_like(ball.array), ball.grid)
    with pytest.raises(SrnetError, match=r"no bone above 0\.25"):
        extract_mesh(empty, ClinicalSettings())


def test_mz3_holds_the_same_surface_in_ras(ball):
    mesh = extract_mesh(ball, ClinicalSettings())
    raw = gzip.decompress(encode_mz3(mesh))
    magic, attributes = np.frombuffer(raw, "<u2", 2)
    triangles, points, skipped = np.frombuffer(raw, "<u4", 3, offset=4)
    assert (magic, attributes, skipped) == (0x5A4D, 3, 0)
    faces = np.frombuffer(raw, "<i4", 3 * triangles, offset=16).reshape(-1, 3)
    ras = np.frombuffer(raw, "<f4", offset=16 + faces.nbytes).reshape(-1, 3)
    assert len(ras) == points
    np.testing.assert_array_equal(faces, mesh.triangles)
    np.testing.assert_allclose(ras, mesh.points_mm * (-1, -1, 1), atol=1 / 128 + 1e-4)
