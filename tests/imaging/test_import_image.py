"""Foreign files: any orientation and format gives the same canonical volume."""

import errno
import gzip
from itertools import permutations, product

import nibabel
import numpy as np
import pytest
import SimpleITK
from nibabel import orientations

from srnet.core.errors import ScanRejected
from srnet.imaging.formats import Image, import_image
from srnet.imaging.volume import AIR_HU, canonical, read_volume, turn, write_volume


def turned(image, axes):
    """The same patient with file axes in another order or direction."""
    turn = orientations.ornt_transform(
        orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(axes)
    )
    array = orientations.apply_orientation(image.array, turn)
    affine = image.affine @ orientations.inv_ornt_aff(turn, image.array.shape)
    spacing = tuple(np.linalg.norm(affine[:3, :3], axis=0))
    return Image(np.ascontiguousarray(array), affine, spacing)


def save_itk(path, image):
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    itk = SimpleITK.GetImageFromArray(image.array.T)
    itk.SetSpacing(image.spacing_mm)
    itk.SetOrigin(lps[:3, 3].tolist())
    itk.SetDirection((lps[:3, :3] / np.array(image.spacing_mm)).ravel().tolist())
    SimpleITK.WriteImage(itk, str(path))
    return path


def save_nifti(path, image):
    nibabel.save(nibabel.Nifti1Image(image.array, image.affine), path)
    return path


@pytest.mark.parametrize("axes", ["RAS", "LPS", "PIR", "RAI", "LAS", "SPL", "ASR"])
def test_every_orientation_gives_one_volume(tiny_ct, axes):
    reference, other = canonical(tiny_ct), canonical(turned(tiny_ct, axes))
    assert np.array_equal(reference.array, other.array)
    np.testing.assert_allclose(reference.grid.affine, other.grid.affine, atol=1e-9)


def test_turning_agrees_with_a_general_library_for_all_48_orientations(tiny_ct):
    pairs = ("RL", "AP", "SI")
    for order in permutations(pairs):
        for axes in map("".join, product(*order)):
            ours, theirs = turn(turned(tiny_ct, "PSL"), axes), turned(tiny_ct, axes)
            assert np.array_equal(ours.array, theirs.array), axes
            np.testing.assert_allclose(ours.affine, theirs.affine, atol=1e-9)
            assert ours.spacing_mm == pytest.approx(theirs.spacing_mm)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.mhd"])
@pytest.mark.parametrize("axes", ["RAS", "LPS", "PIR", "RAI"])
def test_every_format_gives_one_volume(tiny_ct, tmp_path, name, axes):
    save = save_nifti if ".nii" in name else save_itk
    read = canonical(import_image(save(tmp_path / name, turned(tiny_ct, axes))))
    reference = canonical(tiny_ct)
    assert np.array_equal(reference.array, read.array)
    np.testing.assert_allclose(reference.grid.affine, read.grid.affine, atol=1e-4)


def test_a_named_voxel_lands_where_the_affine_says(tiny_ct):
    volume = canonical(tiny_ct)
    world = tiny_ct.affine @ (2, 3, 4, 1)
    index = np.linalg.inv(volume.grid.affine) @ world
    down, back, left = np.rint(index[:3]).astype(int)
    assert volume.array[down, back, left] == 333
    # Superior, anterior and right come first.
    assert (down, back, left) == (36 - 1 - 4, 44 - 1 - 3, 40 - 1 - 2)


def test_a_canonical_file_survives_a_round_trip(tiny_ct, tmp_path):
    volume = canonical(tiny_ct)
    write_volume(tmp_path / "ct.nii.gz", volume)
    again = read_volume(tmp_path / "ct.nii.gz")
    foreign = canonical(import_image(tmp_path / "ct.nii.gz"))
    for copy in (again, foreign):
        assert np.array_equal(copy.array, volume.array)
        np.testing.assert_allclose(copy.grid.affine, volume.grid.affine, atol=1e-4)


def test_slope_and_intercept_are_applied(tmp_path, tiny_ct):
    image = nibabel.Nifti1Image((tiny_ct.array + 1024).astype(np.uint16), tiny_ct.affine)
    image.header.set_slope_inter(1, -1024)
    path = tmp_path / "scaled.nii"
    # nibabel recomputes the scaling on saving, so that the header is written by hand.
    with path.open("wb") as handle:
        image.header.write_to(handle)
        handle.write(b"\0" * (352 - handle.tell()))
        handle.write(image.get_fdata().astype(np.uint16).tobytes(order="F"))
    raw = bytearray(path.read_bytes())
    raw[108:112] = np.float32(352).tobytes()
    raw[112:120] = np.array([1, -1024], np.float32).tobytes()
    path.write_bytes(raw)
    assert np.array_equal(import_image(path).array, tiny_ct.array)


def test_an_oblique_volume_is_resampled_to_the_axes():
    """A sphere stays where it is in the world when the scan box is turned by 12 degrees."""
    angle = np.deg2rad(12)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn * 2.0
    affine[:3, 3] = 5, -20, 31
    index = np.stack(np.meshgrid(*[np.arange(50)] * 3, indexing="ij"))
    centre = affine[:3, :3] @ (25, 27, 22) + affine[:3, 3]
    world = np.einsum("ij,j...->i...", affine[:3, :3], index) + affine[:3, 3][:, None, None, None]
    inside = np.linalg.norm(world - centre[:, None, None, None], axis=0) < 20
    volume = canonical(Image(np.where(inside, 500, -1000).astype(np.int16), affine, (2, 2, 2)))
    np.testing.assert_allclose(volume.grid.spacing_mm, (2, 2, 2))
    found = np.argwhere(volume.array > -250)
    placed = volume.grid.affine[:3, :3] @ found.mean(axis=0) + volume.grid.affine[:3, 3]
    np.testing.assert_allclose(placed, centre, atol=0.2)
    assert len(found) * 8 == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.02)
    assert volume.array[0, 0, 0] == AIR_HU


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\); copy or download it again"),
        (b"these are my notes", r"cannot be read as an image .* or take it out of the folder"),
    ],
)
@pytest.mark.parametrize("name", ["notes.nii.gz", "notes.nii", "notes.nrrd", "notes.mha"])
def test_a_file_that_is_no_image_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ScanRejected, match=f"{name}: {message}"):
        import_image(path)


def test_a_cut_file_is_refused(tmp_path, tiny_ct):
    whole = save_nifti(tmp_path / "whole.nii.gz", tiny_ct)
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(ScanRejected, match=r"cut\.nii\.gz: cannot be read .*ends too early"):
        import_image(cut)


def test_a_file_cut_before_compression_is_refused(tmp_path, tiny_ct):
    whole = save_nifti(tmp_path / "whole.nii", tiny_ct)
    cut = tmp_path / "short.nii.gz"
    cut.write_bytes(gzip.compress(whole.read_bytes()[:60000]))
    with pytest.raises(ScanRejected, match=r"short\.nii\.gz: cannot be read as an image"):
        import_image(cut)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
def test_a_trailing_axis_of_one_leaves_the_geometry_of_the_others(tiny_ct, tmp_path, name):
    """As 4-D Slicer and SimpleITK write one time point."""
    image = SimpleITK.ReadImage(str(save_itk(tmp_path / "3d.mha", turned(tiny_ct, "PIR"))))
    SimpleITK.WriteImage(SimpleITK.JoinSeries([image]), str(tmp_path / name))
    read, reference = canonical(import_image(tmp_path / name)), canonical(tiny_ct)
    assert np.array_equal(read.array, reference.array)
    np.testing.assert_allclose(read.grid.affine, reference.grid.affine, atol=1e-4)


def without_codes(path, image):
    nifti = nibabel.Nifti1Image(image.array, image.affine)
    nifti.set_sform(None, 0)
    nifti.set_qform(None, 0)
    nibabel.save(nifti, path)


def nrrd(path, image, change):
    """Write an NRRD file whose header lines are put through `change`."""
    header, _, voxels = save_itk(path, image).read_bytes().partition(b"\n\n")
    lines = [change(line) for line in header.decode().split("\n")]
    path.write_bytes("\n".join(filter(None, lines)).encode() + b"\n\n" + voxels)
    return path


def drop(*names):
    return lambda line: "" if line.partition(":")[0] in names else line


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_nifti_that_does_not_say_where_left_is_is_refused(tiny_ct, tmp_path, name):
    without_codes(tmp_path / name, tiny_ct)
    with pytest.raises(ScanRejected) as refusal:
        import_image(tmp_path / name)
    assert str(refusal.value) == (
        f"{tmp_path / name}: states no orientation (sform_code and qform_code are 0), so left and "
        "right are unknown; convert the original DICOM series, as dcm2niix does, or write its "
        "true orientation"
    )


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        (drop("space", "space directions", "space origin"), "it has no 'space directions'"),
        (drop("space directions"), "it has no 'space directions'"),
        (
            lambda line: line.replace("space: left-posterior-superior", "space dimension: 3"),
            "it has no 'space'",
        ),
        (
            lambda line: line.replace("left-posterior-superior", "scanner-xyz"),
            "its space is 'scanner-xyz'",
        ),
    ],
)
def test_an_nrrd_that_does_not_say_where_left_is_is_refused(tiny_ct, tmp_path, change, lacks):
    path = nrrd(tmp_path / "a.nrrd", tiny_ct, change)
    with pytest.raises(ScanRejected, match=rf"states no orientation \({lacks}\), so left and"):
        import_image(path)


def test_the_short_name_of_an_nrrd_space_is_its_long_one(tiny_ct, tmp_path):
    path = nrrd(
        tmp_path / "a.nrrd",
        tiny_ct,
        lambda line: line.replace("left-posterior-superior", "LPS"),
    )
    np.testing.assert_allclose(import_image(path).affine, tiny_ct.affine, atol=1e-4)


@pytest.mark.parametrize("slope", [0, 2])
def test_a_header_is_never_read_as_voxels(tiny_ct, tmp_path, slope):
    path = save_nifti(tmp_path / "a.nii", tiny_ct)
    raw = bytearray(path.read_bytes())
    raw[108:116] = np.array([0, slope], np.float32).tobytes()
    path.write_bytes(raw)
    with pytest.raises(ScanRejected, match=r"voxels begin at byte 0, within its own header"):
        import_image(path)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (np.complex64, "complex numbers"),
        ([("R", "u1"), ("G", "u1"), ("B", "u1")], "colours"),
    ],
)
def test_voxels_that_are_no_single_numbers_are_refused(tmp_path, kind, what):
    save_nifti(tmp_path / "a.nii.gz", Image(np.zeros((4, 5, 6), kind), np.eye(4), (1, 1, 1)))
    with pytest.raises(ScanRejected, match=f"its voxels are {what} instead of single numbers"):
        import_image(tmp_path / "a.nii.gz")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.nrrd", r"fread got only \d+ 2-sized things, not 63360 \([0-9.]+% of expected\)"),
        ("a.mha", r"its header or its voxels are incomplete"),
    ],
)
def test_a_cut_file_has_its_reason_and_no_address(tiny_ct, tmp_path, name, reason):
    """The message becomes a tombstone, which is to be equal for equal files."""
    path = save_itk(tmp_path / name, tiny_ct)
    path.write_bytes(path.read_bytes()[:-20000])
    messages = []
    for _ in range(2):
        with pytest.raises(
            ScanRejected, match=rf"{name}: cannot be read as an image \({reason}"
        ) as refusal:
            import_image(path)
        messages.append(str(refusal.value))
    assert messages[0] == messages[1]
    for trace in ("0x", "ITK", "cxx", "No such file"):
        assert trace not in messages[0]


def test_a_header_of_metaimage_that_ends_too_early_is_refused(tiny_ct, tmp_path):
    path = save_itk(tmp_path / "a.mha", tiny_ct)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ScanRejected, match="its header names no ElementDataFile"):
        import_image(path)


def test_the_missing_half_of_an_mhd_is_named(tiny_ct, tmp_path):
    path = save_itk(tmp_path / "a.mhd", tiny_ct)
    (tmp_path / "a.raw").unlink()
    with pytest.raises(ScanRejected, match=r"a\.mhd: its voxels are missing: the file 'a\.raw'"):
        import_image(path)


@pytest.mark.parametrize(
    "shortage",
    [
        MemoryError("Unable to allocate output buffer."),
        OSError(errno.ESTALE, "Stale file handle"),
        OSError(errno.EIO, "Input/output error"),
        RuntimeError("itkImportImageContainer.hxx:179:\nFailed to allocate memory for image."),
    ],
)
@pytest.mark.parametrize("name", ["a.nii", "a.mha"])
def test_a_machine_that_ran_short_rejects_no_scan(tiny_ct, tmp_path, monkeypatch, name, shortage):
    def fail(*arguments):
        raise shortage

    for reader in ("_read_nifti", "_read_itk"):
        monkeypatch.setattr(f"srnet.imaging.formats.{reader}", fail)
    path = tmp_path / name
    path.write_bytes(b"x")
    with pytest.raises(type(shortage)) as failure:
        import_image(path)
    assert failure.value is shortage


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
def test_a_damaged_size_is_not_taken_for_a_lack_of_memory(tiny_ct, tmp_path, name):
    path = save_itk(tmp_path / name, tiny_ct)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"40 44 36", b"40000 44000 36000"))
    with pytest.raises(ScanRejected, match=r"claims 6\.34e\+13 voxels, more than \d+ bytes can"):
        import_image(path)
