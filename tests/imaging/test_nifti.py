import nibabel
import numpy as np
import pytest

from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.formats import import_image
from srnet.imaging.nifti import read_nifti, write_nifti

SPACING, ORIGIN = (0.7, 1.5, 2.5), (-90.25, 12.0, 700.5)


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_voxels_and_place_come_back(tmp_path, kind):
    array = np.random.default_rng(0).integers(0, 200, (4, 5, 6)).astype(kind)
    write_nifti(tmp_path / "a.nii.gz", array, SPACING, ORIGIN, "0123456789abcdef")
    found, spacing, origin = read_nifti(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype
    assert spacing == pytest.approx(SPACING)
    assert origin == pytest.approx(ORIGIN)


def test_a_general_library_reads_the_same(tmp_path):
    array = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
    write_nifti(tmp_path / "a.nii.gz", array, SPACING, ORIGIN, "record")
    image = nibabel.Nifti1Image.from_filename(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), array.T)
    assert image.affine[:3, :3] == pytest.approx(np.diag(SPACING))
    assert image.affine[:3, 3] == pytest.approx(ORIGIN)
    assert image.get_qform() == pytest.approx(image.affine, abs=1e-6)
    assert image.header["descrip"] == b"record"
    assert image.header.get_xyzt_units()[0] == "mm"
    assert image.header["qform_code"] == image.header["sform_code"] == 1


def test_simple_itk_reads_the_same(tmp_path):
    import SimpleITK

    array = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
    write_nifti(tmp_path / "a.nii.gz", array, SPACING, ORIGIN, "")
    image = SimpleITK.ReadImage(str(tmp_path / "a.nii.gz"))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image), array)
    assert image.GetSpacing() == pytest.approx(SPACING)
    assert image.GetOrigin() == pytest.approx((90.25, -12.0, 700.5))


def test_damaged_and_foreign_files_are_named(tmp_path):
    path = tmp_path / "a.nii.gz"
    write_nifti(path, np.zeros((4, 5, 6), np.int16), SPACING, ORIGIN, "")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SrnetError, match=r"a\.nii\.gz: damaged"):
        read_nifti(path)
    turned = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)[[1, 0, 2, 3]])
    nibabel.save(turned, path)
    with pytest.raises(SrnetError, match="not written by this package"):
        read_nifti(path)


TURNED = np.array([[0, -0.7, 0, 12], [0.1, 0, 2.5, -3], [-0.7, 0, 0.2, 40], [0, 0, 0, 1.0]])


def save(path, kind="<i2", **fields):
    """Write a file by the general library, and then what it would not write."""
    array = np.random.default_rng(0).integers(0, 200, (4, 5, 6)).astype(kind)
    header = nibabel.Nifti1Header(endianness=kind[0] if kind[0] in "<>" else "<")
    header.set_data_dtype(kind)
    image = nibabel.Nifti1Image(array, TURNED, header)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"a longer header"))
    nibabel.save(image, path)
    content = bytearray(path.read_bytes())
    written = np.frombuffer(
        content, nibabel.nifti1.header_dtype.newbyteorder(header.endianness), 1
    )
    for name, value in fields.items():
        written[name] = value
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["u1", "<i2", ">i2", "<u2", "<i4", "<f4", "<f8"])
@pytest.mark.parametrize("slope", [0, 1, np.nan])
def test_a_file_without_scaling_keeps_its_type_and_states_its_voxel_size(tmp_path, kind, slope):
    path = save(tmp_path / "a.nii", kind, scl_slope=slope)
    image, found = nibabel.Nifti1Image.from_filename(path), import_image(path)
    np.testing.assert_array_equal(found.array, np.asarray(image.dataobj))
    assert found.array.dtype == np.dtype(kind).newbyteorder("=")
    np.testing.assert_array_equal(found.affine, image.affine)
    assert found.spacing_mm == image.header.get_zooms()


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"kind": "<i8"}, "<i8"),
        ({"scl_slope": 2}, "f4"),
        ({"scl_slope": 1, "scl_inter": -1024}, "f4"),
        ({"sform_code": 0, "qform_code": 1}, "<i2"),
    ],
)
def test_scaling_and_the_other_form_are_applied(tmp_path, fields, kind):
    path = save(tmp_path / "a.nii", **fields)
    image, found = nibabel.Nifti1Image.from_filename(path), import_image(path)
    np.testing.assert_array_equal(found.array, np.asarray(image.dataobj))
    assert found.array.dtype == np.dtype(kind).newbyteorder("=")
    np.testing.assert_array_equal(found.affine, image.affine)


@pytest.mark.parametrize("start", [0, 348])
def test_voxels_that_begin_within_the_header_are_refused(tmp_path, start):
    with pytest.raises(ScanRejected, match=f"begin at byte {start}, within its own header"):
        import_image(save(tmp_path / "a.nii", vox_offset=start))


@pytest.mark.parametrize(
    "fields",
    [
        {"magic": b"ni1"},
        {"dim": [3, 4, -5, 6, 1, 1, 1, 1]},
        {"vox_offset": np.nan},
    ],
)
def test_an_impossible_header_is_refused(tmp_path, fields):
    with pytest.raises(ScanRejected, match=r"a\.nii: "):
        import_image(save(tmp_path / "a.nii", **fields))
