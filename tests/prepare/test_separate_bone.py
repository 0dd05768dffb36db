import numpy as np
import pytest
from scipy import ndimage

from srnet.config.prepare import BoneSettings
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.volume import AIR_HU, Grid, Volume
from srnet.prepare.separate_bone import separate_bone

WINDOW, LITERAL = BoneSettings(), BoneSettings(variant="literal")
SHARED = ["tptbox-ct-label22", "totalseg-example", "openkbp-002", "openkbp-005", "openkbp-028"]
# Vertebral arch, spinous and articular processes; body border; body interior.
ARCH, BORDER, INTERIOR = range(41, 49), [49], [50]


def inside(separation):
    return separation.volume.array > AIR_HU


def padded(volume, value, thickness=9):
    """Return the volume with a slab of one value on two sides."""
    wide = np.pad(volume.array, ((thickness, 0), (0, thickness), (0, 0)), constant_values=value)
    return Volume(wide, Grid.centred(wide.shape, volume.grid.spacing_mm, volume.grid.centre_mm))


def test_keeps_the_column_whole_and_leaves_the_canal_open(torso):
    mask = inside(separate_bone(torso, WINDOW))
    assert mask[37, 48, 55], "cancellous inside of the vertebra"
    assert mask[37, 58, 55], "cortex"
    assert not mask[37, 63, 55], "spinal canal"
    assert mask[37, 20, 80], "the rod in front"


def test_drops_soft_tissue_kidney_and_couch(torso):
    mask = inside(separate_bone(torso, WINDOW))
    assert not mask[:, 83].any(), "couch"
    assert not mask[37, 35, 35], "a kidney denser than the threshold, without a cortex"
    assert not mask[37, 48, 90], "muscle"


def test_keeps_hu_in_bone_and_geometry(torso):
    bone = separate_bone(torso, WINDOW).volume
    mask = bone.array > AIR_HU
    np.testing.assert_array_equal(bone.array[mask], torso.array[mask])
    assert np.all(bone.array[~mask] == AIR_HU)
    assert bone.grid == torso.grid
    assert bone.array.dtype == np.int16


def test_reports_what_it_did(torso):
    result = separate_bone(torso, WINDOW)
    soft, dense = result.centres_hu
    assert result.threshold_hu == pytest.approx((soft + dense) / 2)
    assert 30 < soft < 130
    assert result.bone_ml == pytest.approx(inside(result).sum() * 0.008)


@pytest.mark.parametrize("value", [-1024, -1000])
def test_padding_and_air_change_nothing(torso, value):
    plain, wide = separate_bone(torso, WINDOW), separate_bone(padded(torso, value), WINDOW)
    assert wide.threshold_hu == plain.threshold_hu
    np.testing.assert_array_equal(inside(wide)[9:, :-9], inside(plain))


def test_the_literal_reading_separates_padding_from_the_rest(torso):
    wide = padded(torso, -3024, 40)
    assert separate_bone(torso, LITERAL).threshold_hu > 100
    assert separate_bone(wide, LITERAL).threshold_hu < -400
    assert separate_bone(wide, WINDOW).threshold_hu > 180


def test_a_mirrored_patient_has_mirrored_bone(torso):
    mirrored = Volume(np.ascontiguousarray(torso.array[:, :, ::-1]), torso.grid)
    np.testing.assert_array_equal(
        inside(separate_bone(mirrored, WINDOW)), inside(separate_bone(torso, WINDOW))[:, :, ::-1]
    )


def test_fine_voxels_are_judged_in_blocks_and_give_the_same_bone(torso):
    fine = torso.array.repeat(4, 1).repeat(4, 2)
    noisy = fine + np.random.default_rng(1).normal(0, 60, fine.shape)
    grid = Grid.centred(fine.shape, (2.0, 0.5, 0.5), torso.grid.centre_mm)
    found = separate_bone(Volume(noisy.astype(np.int16), grid), WINDOW)
    plain = separate_bone(torso, WINDOW)
    assert found.threshold_hu == pytest.approx(plain.threshold_hu, abs=15)
    assert found.bone_ml == pytest.approx(plain.bone_ml, rel=0.05)


def water(torso):
    """Return a phantom of water with some noise: a body without bone."""
    noise = np.random.default_rng(0).normal(0, 12, torso.array.shape)
    return np.where(torso.array > -500, noise, -1000)


def lump(torso):
    """Return soft tissue that holds a dense lump of 40 % of all tissue and more."""
    array = torso.array.copy()
    array[(array > -500) & (np.indices(array.shape)[1] > 30)] = 700
    return array


def bowel(torso):
    """Return soft tissue that holds contrast agent, and nothing with a cortex."""
    array = np.where(torso.array > -500, 45, -1000)
    array[20:40, 40:55, 45:60] = 300
    return array


@pytest.mark.parametrize(
    ("make", "reason"),
    [(water, "no bone"), (bowel, "no bone: .* has a cortex"), (lump, "would be bone")],
)
def test_scans_without_plausible_bone_are_rejected(torso, make, reason):
    with pytest.raises(ScanRejected, match=reason):
        separate_bone(Volume(make(torso).astype(np.int16), torso.grid), WINDOW)


def test_a_body_without_any_voxel_above_water_is_rejected(torso):
    array = np.where(torso.array > -500, -50, -1000).astype(np.int16)
    with pytest.raises(ScanRejected, match="no bone"):
        separate_bone(Volume(array, torso.grid), WINDOW)


def test_warns_of_contrast_and_metal(torso):
    array = torso.array.copy()
    array[:, 15:47, 58:90] = 500
    array[5:15, 44:52, 50:60] = 3071
    result = separate_bone(Volume(array, torso.grid), WINDOW)
    assert any("contrast agent" in warning for warning in result.warnings)
    assert any("metal" in warning for warning in result.warnings)
    assert separate_bone(torso, WINDOW).warnings == ()


def test_refuses_values_that_are_not_whole_hu(torso):
    with pytest.raises(SrnetError, match="float32"):
        separate_bone(Volume(torso.array.astype(np.float32), torso.grid), WINDOW)


@pytest.mark.parametrize("name", SHARED)
def test_threshold_on_real_scans(real_ct, name):
    low, high = (180, 215) if name.startswith("openkbp") else (150, 215)
    assert low <= separate_bone(real_ct(name), WINDOW).threshold_hu <= high


@pytest.mark.parametrize(
    ("name", "millilitres"), [("totalseg-example", 1173), ("openkbp-002", 1541)]
)
def test_amount_of_bone_in_real_scans(real_ct, name, millilitres):
    assert separate_bone(real_ct(name), WINDOW).bone_ml == pytest.approx(millilitres, rel=0.1)


@pytest.fixture(scope="session")
def labelled(real_ct, srnet_data):
    """Return a lumbar scan's CT, its vertebrae and their parts, on one grid."""
    from srnet.imaging.formats import import_image
    from srnet.imaging.volume import canonical

    name = "tptbox-ct-label22"
    vertebrae, parts = (
        canonical(import_image(srnet_data / "ct" / f"{name}_{kind}.nii.gz")).array
        for kind in ("seg-vert", "seg-subreg")
    )
    return real_ct(name), vertebrae, parts


def share(mask, region):
    return mask[region].mean()


def test_vertebrae_as_labelled_by_experts(labelled):
    ct, vertebrae, parts = labelled
    mask = inside(separate_bone(ct, WINDOW))
    bone = np.isin(parts, [*ARCH, *BORDER, *INTERIOR]) & (vertebrae > 0)
    assert share(mask, bone) >= 0.65
    assert share(bone, mask) >= 0.79
    assert share(mask, np.isin(parts, ARCH)) >= 0.88
    assert share(mask, np.isin(parts, BORDER)) >= 0.75
    assert share(mask, np.isin(parts, INTERIOR)) >= 0.30
    assert share(mask, canal(parts > 0)) <= 0.10


def canal(vertebrae):
    """Return the holes of at least 200 mm2 (89 pixels) that vertebral rings enclose."""
    holes = np.stack([ndimage.binary_fill_holes(axial) & ~axial for axial in vertebrae])
    return holes & (holes.sum(axis=(1, 2), keepdims=True) >= 89)


def test_bone_lies_at_the_vertebrae(labelled):
    ct, vertebrae, _ = labelled
    mask = inside(separate_bone(ct, WINDOW))
    distance = ndimage.distance_transform_edt(vertebrae == 0, sampling=ct.grid.spacing_mm)
    assert np.mean(distance[mask] > 4.5) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "skin", "couch_ml", "millilitres"),
    [
        ("lidc-0001", 432, 25, 1800),
        ("crlm-1006", 410, 3, 618),
        ("acrin-flt-001b", 420, 100, 1502),
    ],
)
def test_no_couch_in_clinical_series(dicom_ct, name, skin, couch_ml, millilitres):
    """`skin` is the row behind which there is only couch."""
    ct = dicom_ct(name)
    result = separate_bone(ct, WINDOW)
    behind = slice(None), slice(skin, None)
    assert np.count_nonzero(inside(result)[behind]) == 0
    dense = np.count_nonzero(ct.array[behind] > result.threshold_hu) * ct.grid.voxel_ml
    assert dense >= couch_ml, "there is a couch that a threshold alone keeps"
    assert result.bone_ml == pytest.approx(millilitres, rel=0.1)
    assert 150 <= result.threshold_hu <= 215
    # Its heart and great vessels are full of contrast agent; the others' are not.
    warned = any("heart or vessels" in warning for warning in result.warnings)
    assert warned == (name == "lidc-0001")


@pytest.mark.slow
def test_threshold_of_the_whole_head_and_neck_cohort(srnet_data, real_ct):
    names = [path.name.removesuffix(".nii.gz") for path in srnet_data.glob("ct/openkbp-*.nii.gz")]
    assert len(names) == 235
    found = [separate_bone(real_ct(name), WINDOW) for name in sorted(names)]
    thresholds = np.array([result.threshold_hu for result in found])
    assert thresholds.min() >= 180
    assert thresholds.max() <= 215
    assert thresholds.std() < 8
