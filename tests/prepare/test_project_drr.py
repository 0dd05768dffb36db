import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from srnet.config.prepare import BoneSettings, DrrSettings, ResampleSettings
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.geometry import ConeBeam, View
from srnet.imaging.volume import Axis, Grid, Volume
from srnet.prepare.project_drr import _ray_caster, cast_rays, project_drr
from srnet.prepare.resample_volume import resample_volume
from srnet.prepare.separate_bone import separate_bone

PAPER = ConeBeam(541)
CENTRE_MM = np.array([6.0, -9.0, 13.0])
SEMI_AXES_MM = np.array([40.0, 30.0, 50.0])
VALUE = 1000.0


def ellipsoid(size, edge_mm=192.0, finer=3):
    """Return an off-centre ellipsoid, its surface voxels filled in part."""
    axis = (np.arange(size * finer) + 0.5) / finer - size / 2
    steps = [
        ((axis * edge_mm / size - centre) / semi) ** 2
        for centre, semi in zip(CENTRE_MM, SEMI_AXES_MM, strict=True)
    ]
    inside = steps[0][:, None, None] + steps[1][None, :, None] + steps[2][None, None] < 1
    blocks = inside.reshape(size, finer, size, finer, size, finer)
    array = np.float32(VALUE) * blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    return Volume(array, Grid.centred((size,) * 3, (edge_mm / size,) * 3, (0, 0, 0)))


def chords_mm(beam, view, grid):
    """Return the length of each ray inside the ellipsoid, from the quadratic equation."""
    source = (np.array(beam.source_mm(view)) - CENTRE_MM) / SEMI_AXES_MM
    pixels = (beam.pixels_mm(view, grid) - CENTRE_MM) / SEMI_AXES_MM
    ray = pixels - source
    a, b, c = (ray**2).sum(-1), (ray * source).sum(-1), (source**2).sum() - 1
    root = np.sqrt(np.maximum(b**2 - a * c, 0))
    length = np.linalg.norm(ray * SEMI_AXES_MM, axis=-1)
    return 2 * root / a * length


@pytest.mark.parametrize("view", View)
def test_line_integrals_are_the_chords_of_an_ellipsoid_in_mm(view):
    errors = []
    for size in (32, 64):
        volume = ellipsoid(size)
        truth = VALUE * chords_mm(PAPER, view, volume.grid)
        found = cast_rays(volume, PAPER, view)
        assert found.shape == (size, size)
        errors.append(np.abs(found - truth).mean() / truth.mean())
    assert errors[1] < 0.025
    assert errors[1] < 0.75 * errors[0]


@pytest.mark.parametrize("view", View)
def test_the_shadow_lies_where_perspective_puts_it(view):
    volume = ellipsoid(64)
    truth = chords_mm(PAPER, view, volume.grid)
    found = cast_rays(volume, PAPER, view)
    index = np.indices(found.shape)
    centroids = [(index * image).sum((1, 2)) / image.sum() for image in (truth, found)]
    assert centroids[1] == pytest.approx(centroids[0], abs=0.05)


@pytest.mark.parametrize("view", View)
def test_from_far_away_it_is_the_sum_along_the_view(view):
    volume = ellipsoid(32)
    far = cast_rays(volume, ConeBeam(1e6), view)
    plain = volume.array.sum(axis=view.depth) * volume.grid.spacing_mm[view.depth]
    assert np.abs(far - plain).mean() / plain.mean() < 2e-3


def asymmetric(size=32):
    """Return a body without any symmetry, of unequal spacing."""
    array = np.zeros((size,) * 3, np.float32)
    array[4:9, 6:26, 5:11] = 700
    array[18:28, 9:13, 14:29] = 1200
    return Volume(array, Grid.centred(array.shape, (2.0, 1.5, 1.0), (30, -20, 10)))


def flipped(volume, axis):
    return Volume(np.flip(volume.array, axis).copy(), volume.grid)


def images(volume):
    return {view: cast_rays(volume, PAPER, view) for view in View}


def test_a_mirrored_patient_has_a_mirrored_ap_image():
    plain, mirrored = images(asymmetric()), images(flipped(asymmetric(), Axis.LEFT_RIGHT))
    assert mirrored[View.AP] == pytest.approx(plain[View.AP][:, ::-1], rel=1e-4, abs=1)


def test_upside_down_turns_both_images_upside_down():
    plain, mirrored = images(asymmetric()), images(flipped(asymmetric(), Axis.CRANIOCAUDAL))
    for view in View:
        assert mirrored[view] == pytest.approx(plain[view][::-1], rel=1e-4, abs=1)


def test_mirrored_lateral_image_differs_by_perspective_only():
    far = ConeBeam(1e6)
    one, two = asymmetric(), flipped(asymmetric(), Axis.LEFT_RIGHT)
    assert cast_rays(two, far, View.LATERAL) == pytest.approx(
        cast_rays(one, far, View.LATERAL), rel=2e-3, abs=20
    )


def test_a_quarter_turn_of_the_patient_makes_the_lateral_image_the_ap_one():
    volume = asymmetric()
    turned = Volume(
        # Left comes to the front: the AP source now stands where the lateral one stood.
        np.ascontiguousarray(volume.array.swapaxes(1, 2)[:, ::-1]),
        Grid.centred((32, 32, 32), (2.0, 1.0, 1.5), (0, 0, 0)),
    )
    lateral = cast_rays(volume, PAPER, View.LATERAL)
    assert cast_rays(turned, PAPER, View.AP) == pytest.approx(lateral, rel=1e-4, abs=1)


def test_where_the_patient_lies_in_the_scanner_does_not_matter():
    volume = asymmetric()
    moved = Volume(volume.array, Grid.centred(volume.array.shape, (2.0, 1.5, 1.0), (0, 500, -900)))
    np.testing.assert_array_equal(
        cast_rays(moved, PAPER, View.AP), cast_rays(volume, PAPER, View.AP)
    )


def test_what_is_nearer_to_the_source_is_seen_larger():
    array = np.zeros((32,) * 3, np.float32)
    array[12:20, 2:4, 12:20] = 1000
    near = Volume(array, Grid.centred(array.shape, (8.0, 8.0, 8.0), (0, 0, 0)))
    far = flipped(near, Axis.ANTEROPOSTERIOR)
    bright = [np.count_nonzero(cast_rays(v, PAPER, View.AP) > 4000) for v in (near, far)]
    assert bright[0] > bright[1]


def test_images_are_scaled_by_their_own_maximum():
    ap, lateral = project_drr(asymmetric(), DrrSettings())
    for xray, view in ((ap, View.AP), (lateral, View.LATERAL)):
        assert xray.grey.dtype == np.float32
        assert xray.grey.max() == 1
        assert xray.grey.min() == 0
        assert xray.integral_hu_mm == pytest.approx(
            cast_rays(asymmetric(), PAPER, view), rel=1e-5, abs=1e-2
        )


def test_a_volume_without_bone_is_rejected_by_name_of_the_view():
    empty = Volume(np.zeros((8, 8, 8), np.int16), asymmetric(8).grid)
    with pytest.raises(ScanRejected, match="ap view meets no bone"):
        project_drr(empty, DrrSettings())


def test_distances_in_cm_are_refused_with_both_numbers():
    """At twice its size the ellipsoid reaches 78 mm to the front, its outermost voxel 84 mm."""
    deep = Volume(ellipsoid(32).array, Grid.centred((32,) * 3, (12.0,) * 3, (0, 0, 0)))
    with pytest.raises(SrnetError) as failure:
        project_drr(deep, DrrSettings(source_to_isocentre_mm=54.1))
    assert not isinstance(failure.value, ScanRejected)
    assert str(failure.value) == (
        "drr.source_to_isocentre_mm is 54.1, but bone reaches 84 mm from the isocentre along the "
        "ap view, so that the source would stand within the patient; give the distances in mm, "
        "not in cm"
    )


@pytest.mark.parametrize(("distance", "within"), [(20.0, True), (21.0, False)])
def test_bone_and_not_the_padding_around_it_decides_where_the_source_may_stand(distance, within):
    array = np.zeros((32,) * 3, np.float32)
    array[14:18, 11:21, 11:21] = 1000
    volume = Volume(array, Grid.centred(array.shape, (4.0, 4.0, 4.0), (0, 0, 0)))
    settings = DrrSettings(source_to_isocentre_mm=distance)
    if within:
        with pytest.raises(SrnetError, match="is 20, but bone reaches 20 mm"):
            project_drr(volume, settings)
    else:
        assert project_drr(volume, settings)[0].grey.max() == 1


def test_the_class_of_the_single_module_is_the_public_one_of_itk():
    """Importing one module of ITK saves seconds; it must be the same caster."""
    import itk

    public = itk.RayCastInterpolateImageFunction[itk.Image[itk.F, 3], itk.D]
    assert type(_ray_caster()) is type(public.New())


NORMALS = {View.AP: "0 -1 0", View.LATERAL: "1 0 0"}
"""From the detector's middle towards the source, in DICOM's LPS axes."""


def plastimatch(volume: Volume, view: View, algorithm: str, folder: Path) -> np.ndarray:
    """Return the line integrals in value times mm that `plastimatch drr` finds."""
    import SimpleITK

    # As every other program has it: x to the left, y to the back, z up.
    image = SimpleITK.GetImageFromArray(volume.array[::-1].astype(np.float32))
    image.SetSpacing(volume.grid.spacing_mm[::-1])
    reach = np.array(volume.grid.extent_mm) - volume.grid.spacing_mm
    image.SetOrigin((-reach[::-1] / 2).tolist())
    SimpleITK.WriteImage(image, str(folder / "volume.mha"))
    rows, columns = volume.grid.shape[0], volume.grid.shape[view.columns]
    height = rows * volume.grid.spacing_mm[0] * 949 / 541
    width = columns * volume.grid.spacing_mm[view.columns] * 949 / 541
    geometry = ["--sad", "541", "--sid", "949", "-n", NORMALS[view], "--vup", "0 0 1"]
    panel = ["-r", f"{rows} {columns}", "-z", f"{width} {height}", "-o", "0 0 0"]
    values = ["-i", algorithm, "-P", "none", "-t", "pfm", "-O", "drr_", "volume.mha"]
    command = ["plastimatch", "drr", *geometry, *panel, *values]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
    *_, pixels = (folder / "drr_0000.pfm").read_bytes().split(b"\n", 3)
    centimetres = np.frombuffer(pixels, "<f4", rows * columns).reshape(rows, columns)
    return 10 * centimetres


@pytest.mark.skipif(shutil.which("plastimatch") is None, reason="plastimatch is not installed")
@pytest.mark.parametrize("view", View)
def test_another_program_makes_the_same_image_of_real_bone(
    real_ct: Callable[[str], Volume], view: View, tmp_path: Path
) -> None:
    bone = separate_bone(real_ct("openkbp-002"), BoneSettings()).volume
    volume = resample_volume(bone, 64, ResampleSettings())
    ours = cast_rays(volume, PAPER, view)
    theirs = plastimatch(volume, view, "uniform", tmp_path)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9995
    assert np.abs(ours - theirs).sum() / theirs.sum() < 0.02
    # Its exact algorithm takes voxels as boxes instead of interpolating between them.
    boxes = plastimatch(volume, view, "exact", tmp_path)
    assert ours.sum() / boxes.sum() == pytest.approx(1, abs=0.01)
    assert np.corrcoef(ours.ravel(), boxes.ravel())[0, 1] > 0.98
