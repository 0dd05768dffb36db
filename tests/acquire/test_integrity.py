"""The checks of every scan: what is rejected, with which message, and what passes."""

import numpy as np
import pytest

from srnet.acquire.integrity import check_geometry, check_values
from srnet.core.errors import ScanRejected
from srnet.imaging.image import Image
from srnet.imaging.volume import AIR_HU, Volume, canonical


def ct(tiny_ct, change):
    volume = canonical(tiny_ct)
    return Volume(change(volume.array.astype(np.float32)), volume.grid)


def poisoned(array):
    array = array.copy()
    array[3, 3, :5] = np.nan
    array[4, 4, 0] = np.inf
    return array


def mr_like(array):
    """Fat bright, bone dark, air near zero, noise: no negative value."""
    grey = np.select([array > 300, array > 0, array > -200], [60, 350, 750], 20).astype(float)
    noise = np.random.default_rng(1).normal(0, 15, array.shape)
    return np.abs(grey + noise).astype(np.float32)


BAD = [
    (poisoned, r"6 of 63360 voxels are NaN or infinite; export the scan again"),
    (lambda a: a * 0 + 7, r"every voxel is 7; the file holds no image"),
    (lambda a: (a - a.mean()) / a.std(), r"values run from .* a mask, a normalised or a windowed"),
    (lambda a: np.clip((a + 160) / 400 * 255, 0, 255), r"values run from 0 to 255, a span under"),
    (mr_like, r"only 0\.0% of the voxels are air or fat .* looks like an MR"),
    (lambda a: a + 1024, r"air or fat .* HU \+ 1024, so apply the rescale intercept"),
    (lambda a: np.where(a > 600, a, -1000), r"are above -200 HU, too little for a body"),
    (lambda a: -a, r"the most frequent tissue is at|air or fat"),
    (lambda a: a * 2 - 500, r"too little for a body|most frequent tissue"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_what_is_no_ct_is_refused_by_name(tiny_ct, change, message):
    with pytest.raises(ScanRejected, match=f"^case.nii: .*{message}"):
        check_values(ct(tiny_ct, change), "case.nii")


def test_a_short_scan_is_refused(tiny_ct):
    short = canonical(Image(tiny_ct.array[:, :, :13], tiny_ct.affine, tiny_ct.spacing_mm))
    with pytest.raises(ScanRejected, match=r"covers 39\.0 mm from head to foot, less than 40 mm"):
        check_values(short, "short.nii")


@pytest.mark.parametrize(("step_mm", "long"), [(0.2, 360), (0.07, 900), (0.003, 36)])
def test_lengths_in_another_unit_are_refused(tiny_ct, step_mm, long):
    """A body in cm may be as long as two vertebrae in mm."""
    array = np.tile(tiny_ct.array, (1, 1, long // 36))
    image = Image(array, np.diag([step_mm, step_mm, 0.15, 1]), (step_mm, step_mm, 0.15))
    with pytest.raises(ScanRejected, match=r"correct the header if it states lengths in another"):
        check_values(canonical(image), "cm.nii")


def test_a_ct_passes_as_int16_hu(tiny_ct):
    passed = check_values(ct(tiny_ct, lambda a: a + 0.2), "good.nii")
    assert passed.array.dtype == np.int16
    assert np.array_equal(passed.array, canonical(tiny_ct).array)


@pytest.mark.parametrize("padding", [-2048, -3024, -32768, -1025])
def test_padding_becomes_air_and_nothing_else_changes(tiny_ct, padding):
    def pad(array):
        array = array.astype(np.int32)
        array[:, :, :4] = padding
        return array

    passed = check_values(ct(tiny_ct, pad), "padded.nii").array
    assert np.all(passed[:, :, :4] == AIR_HU)
    assert np.array_equal(passed[:, :, 4:], canonical(tiny_ct).array[:, :, 4:])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((64, 64), "an image of 64x64 voxels"),
        ((16, 16, 16, 3), "an image of 16x16x16x3 voxels"),
        ((64, 64, 1), "an image of 64x64x1 voxels"),
    ],
)
def test_other_dimensions_are_refused(shape, message):
    image = Image(np.zeros(shape), np.eye(4), (1.0, 1.0, 1.0))
    reason = f"flat.nii: is not a volume but {message}; give one 3-D"
    with pytest.raises(ScanRejected, match=reason):
        check_geometry(image, "flat.nii")


@pytest.mark.parametrize(
    ("spacing", "message"),
    [
        ((0.0, 1.0, 1.0), r"0 x 1 x 1 mm is zero, negative or not a number"),
        ((1.0, -1.0, 1.0), r"1 x -1 x 1 mm is zero, negative"),
        ((1.0, 1.0, float("nan")), r"1 x 1 x nan mm is zero, negative or not a number"),
        ((1.0, 1.0, 12.5), r"1 x 1 x 12\.5 mm exceeds 10 mm"),
    ],
)
def test_impossible_voxel_sizes_are_refused(spacing, message):
    image = Image(np.zeros((16, 16, 16)), np.eye(4), spacing)
    with pytest.raises(ScanRejected, match=f"case.nii: voxel size {message}"):
        check_geometry(image, "case.nii")


def test_a_step_of_the_affine_over_the_limit_is_refused_whatever_the_header_states():
    image = Image(np.zeros((16, 16, 16)), np.diag([1.0, 1.0, 15.0, 1.0]), (1.0, 1.0, 3.0))
    reason = r"voxel size 1 x 1 x 15 mm by the affine matrix exceeds 10 mm; vertebrae cannot be"
    with pytest.raises(ScanRejected, match=f"case.nii: {reason} told apart"):
        check_geometry(image, "case.nii")


def test_a_flat_affine_is_refused():
    image = Image(np.zeros((16, 16, 16)), np.diag([1.0, 1.0, 0.0, 1.0]), (1.0, 1.0, 1.0))
    with pytest.raises(ScanRejected, match="affine matrix cannot be inverted"):
        check_geometry(image, "case.nii")


def test_trailing_axes_of_one_are_dropped(tiny_ct):
    image = Image(tiny_ct.array[..., None], tiny_ct.affine, tiny_ct.spacing_mm)
    assert check_geometry(image, "case.nii").array.shape == tiny_ct.array.shape
