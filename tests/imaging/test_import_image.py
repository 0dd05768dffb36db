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
from srnet.imaging.formats import import_image
from srnet.imaging.image import Image
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
    with pytest.raises(ScanRejected, match=r"short\.nii\.gz: holds 60000 bytes of voxels where"):
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


@pytest.mark.parametrize("name", ["a.nii", "a.nrrd", "a.mha", "a.mhd"])
@pytest.mark.parametrize(
    "change", [lambda whole: whole[:-20000], lambda whole: whole + b"x" * 512]
)
def test_a_file_holds_exactly_what_its_header_claims(tiny_ct, tmp_path, name, change):
    save = save_nifti if ".nii" in name else save_itk
    path = save(tmp_path / name, tiny_ct)
    voxels = path.with_suffix(".raw") if path.suffix == ".mhd" else path
    whole = voxels.read_bytes()
    voxels.write_bytes(change(whole))
    held = 2 * tiny_ct.array.size + len(change(whole)) - len(whole)
    with pytest.raises(ScanRejected) as refusal:
        import_image(path)
    assert str(refusal.value) == (
        f"{voxels}: holds {held} bytes of voxels where its header claims 126720; the file was cut "
        "short or its header is damaged, so copy or download it again"
    )


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

    monkeypatch.setattr("srnet.imaging.formats.READERS", {".nii": fail, ".mha": fail})
    path = tmp_path / name
    path.write_bytes(b"x")
    with pytest.raises(type(shortage)) as failure:
        import_image(path)
    assert failure.value is shortage


def save_packed(path, image):
    """Write voxels compressed, by ITK or by nibabel."""
    if path.name.endswith(".nii.gz"):
        return save_nifti(path, image)
    plain = save_itk(path.with_name("plain.mha"), image)
    SimpleITK.WriteImage(SimpleITK.ReadImage(str(plain)), str(path), useCompression=True)
    return path


PACKED = ["a.nii.gz", "a.nrrd", "a.mha"]


@pytest.mark.parametrize("name", [*PACKED, "a.mhd"])
def test_packed_voxels_are_those_that_were_written(tiny_ct, tmp_path, name):
    read = import_image(save_packed(tmp_path / name, tiny_ct))
    assert np.array_equal(read.array, tiny_ct.array)
    np.testing.assert_allclose(read.affine, tiny_ct.affine, atol=1e-4)


@pytest.mark.parametrize("name", PACKED)
def test_a_flipped_bit_of_a_packed_file_changes_no_voxel_in_silence(tiny_ct, tmp_path, name):
    path = save_packed(tmp_path / name, tiny_ct)
    whole, refused = path.read_bytes(), 0
    rng = np.random.default_rng(7)
    # The text of a header has no checksum.
    first = 0 if name.endswith("gz") else len(whole) - 8000
    for place in rng.integers(first, len(whole), 80):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            assert np.array_equal(import_image(path).array, tiny_ct.array)
        except ScanRejected as refusal:
            assert str(refusal).startswith(f"{path}: ")  # noqa: PT017 - counted below
            refused += 1
    assert refused > 70


@pytest.mark.parametrize("name", PACKED)
def test_a_damaged_size_is_not_taken_for_a_lack_of_memory(tiny_ct, tmp_path, name):
    path = save_packed(tmp_path / name, tiny_ct)
    whole = path.read_bytes()
    if name.endswith("gz"):
        header = bytearray(gzip.decompress(whole))
        header[42:48] = np.array([32767] * 3, np.int16).tobytes()
        path.write_bytes(gzip.compress(header))
    else:
        path.write_bytes(whole.replace(b"40 44 36", b"32767 32767 32767"))
    with pytest.raises(ScanRejected, match=r"claims 3\.52e\+13 voxels, more than \d+ bytes can"):
        import_image(path)


def test_a_small_file_that_unpacks_to_far_more_than_a_scan_is_refused(tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_shape((1024, 1024, 1400))
    header.set_data_dtype(np.int16)
    header["vox_offset"], header["magic"], header["sform_code"] = 352, b"n+1", 1
    path = tmp_path / "bomb.nii.gz"
    with gzip.open(path, "wb", compresslevel=1) as packed:
        packed.write(header.binaryblock + bytes(4))
        for _ in range(60):
            packed.write(bytes(1 << 20))
    path.write_bytes(path.read_bytes() + bytes(3 << 20))
    with pytest.raises(ScanRejected, match=r"claims 2\.7 GiB of voxels, packed into 3\.\d MiB"):
        import_image(path)


def nifti_with(path, image, **fields):
    """Write a NIfTI file whose header is changed behind the back of the library."""
    nifti = nibabel.Nifti1Image(image.array, image.affine)
    nibabel.save(nifti, path)
    header = nifti.header.copy()
    for name, value in fields.items():
        header[name] = value
    raw = path.read_bytes()
    path.write_bytes(header.binaryblock + raw[348:])
    return path


@pytest.mark.parametrize(
    "fields",
    [
        {"dim": [3, 8, 44, 36, 1, 1, 1, 1]},
        {"dim": [3, 40, 22, 36, 1, 1, 1, 1]},
        {"dim": [3, 44, 44, 36, 1, 1, 1, 1]},
        {"vox_offset": 608},
    ],
)
def test_a_nifti_of_another_shape_than_its_voxels_is_refused(tiny_ct, tmp_path, fields):
    path = nifti_with(tmp_path / "a.nii", tiny_ct, **{"vox_offset": 352, **fields})
    with pytest.raises(ScanRejected, match=r"bytes of voxels where its header claims"):
        import_image(path)


@pytest.mark.parametrize(
    ("qform", "agrees"),
    [
        (np.diag([2.0, 2, 3, 1]), True),
        (np.diag([-2.0, 2, 3, 1]), False),
        (np.diag([2.0, 2, -3, 1]), False),
    ],
)
def test_the_two_forms_of_a_nifti_must_agree(tiny_ct, tmp_path, qform, agrees):
    qform = qform.copy()
    # Half a voxel is the difference between the corner and the middle of one.
    qform[:3, 3] = tiny_ct.affine[:3, 3] + (1.0 if agrees else 0.0)
    image = nibabel.Nifti1Image(tiny_ct.array, tiny_ct.affine)
    image.set_sform(tiny_ct.affine, 1)
    image.set_qform(qform, 1)
    nibabel.save(image, tmp_path / "a.nii.gz")
    if agrees:
        assert np.array_equal(import_image(tmp_path / "a.nii.gz").affine, tiny_ct.affine)
    else:
        with pytest.raises(ScanRejected, match=r"its sform and its qform place its voxels diff"):
            import_image(tmp_path / "a.nii.gz")


def test_the_two_voxel_sizes_of_a_nifti_must_agree(tiny_ct, tmp_path):
    path = nifti_with(
        tmp_path / "a.nii", tiny_ct, vox_offset=352, pixdim=[1, 1.5, 1.5, 1.5, 0, 0, 0, 0]
    )
    with pytest.raises(ScanRejected) as refusal:
        import_image(path)
    assert str(refusal.value) == (
        f"{path}: states voxels of 1.5 x 1.5 x 1.5 mm (pixdim) and of 2 x 2 x 3 mm (sform); write "
        "the true size into both"
    )


@pytest.mark.parametrize(("code", "factor"), [(0, 1), (1, 1000), (2, 1), (3, 0.001), (10, 1)])
def test_the_unit_of_a_nifti_counts(tiny_ct, tmp_path, code, factor):
    scaled = tiny_ct.affine.copy()
    scaled[:3] /= factor
    image = nibabel.Nifti1Image(tiny_ct.array, scaled)
    image.header["xyzt_units"] = code
    nibabel.save(image, tmp_path / "a.nii.gz")
    read = import_image(tmp_path / "a.nii.gz")
    np.testing.assert_allclose(read.affine, tiny_ct.affine, rtol=1e-5)
    np.testing.assert_allclose(read.spacing_mm, tiny_ct.spacing_mm, rtol=1e-5)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("cm", 10), ("m", 1000), ("um", 0.001)])
def test_the_unit_of_an_nrrd_counts(tiny_ct, tmp_path, unit, factor):
    affine = tiny_ct.affine.copy()
    affine[:3] /= factor
    spacing = tuple(step / factor for step in tiny_ct.spacing_mm)
    path = nrrd(
        tmp_path / "a.nrrd",
        Image(tiny_ct.array, affine, spacing),
        lambda line: (
            f'{line}\nspace units: "{unit}" "{unit}" "{unit}"'
            if line.startswith("space:")
            else line
        ),
    )
    read = import_image(path)
    np.testing.assert_allclose(read.affine, tiny_ct.affine, rtol=1e-5)
    np.testing.assert_allclose(read.spacing_mm, tiny_ct.spacing_mm, rtol=1e-5)


def test_an_unknown_unit_of_an_nrrd_is_refused(tiny_ct, tmp_path):
    path = nrrd(
        tmp_path / "a.nrrd",
        tiny_ct,
        lambda line: f'{line}\nspace units: "in" "in" "in"' if line.startswith("space:") else line,
    )
    with pytest.raises(ScanRejected, match="states lengths in 'in'; write it again in mm"):
        import_image(path)


@pytest.mark.parametrize(
    ("lost", "lacks"), [("TransformMatrix", "orientation"), ("ElementSpacing", "voxel size")]
)
def test_a_meta_image_that_leaves_its_geometry_to_a_guess_is_refused(
    tiny_ct, tmp_path, lost, lacks
):
    path = save_itk(tmp_path / "a.mhd", tiny_ct)
    lines = path.read_text(encoding="ascii").splitlines(keepends=True)
    path.write_text("".join(x for x in lines if not x.startswith(lost)), encoding="ascii")
    with pytest.raises(ScanRejected, match=f"states no {lacks}, so"):
        import_image(path)


@pytest.mark.parametrize("stated", ["512", "-1"])
def test_bytes_before_the_voxels_of_an_mhd_are_passed_over_where_it_says_so(
    tiny_ct, tmp_path, stated
):
    path = save_itk(tmp_path / "a.mhd", tiny_ct)
    voxels = path.with_suffix(".raw")
    voxels.write_bytes(b"x" * 512 + voxels.read_bytes())
    text = path.read_text(encoding="ascii")
    path.write_text(
        text.replace("ElementDataFile", f"HeaderSize = {stated}\nElementDataFile"),
        encoding="ascii",
    )
    assert np.array_equal(import_image(path).array, tiny_ct.array)


@pytest.mark.parametrize("name", ["a.img", "a.gipl", "a.vtk", "a.tif", "a.hdr", "scan", "a.png"])
def test_only_formats_that_state_an_orientation_are_opened(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(bytes(4000))
    with pytest.raises(ScanRejected, match=rf"{name}: is none of \*\.nii, .* and no DICOM file"):
        import_image(path)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
@pytest.mark.parametrize("kind", [">i2", "<f4", ">f8", "u1", "<u2", "<i4"])
def test_any_type_and_byte_order_reads_as_itk_writes_it(tiny_ct, tmp_path, name, kind):
    numbers = np.clip(tiny_ct.array, 0, 200).astype(np.dtype(kind).newbyteorder("="))
    path = save_itk(tmp_path / name, Image(numbers, tiny_ct.affine, tiny_ct.spacing_mm))
    if kind.startswith(">"):
        head, _, voxels = path.read_bytes().rpartition(b"\n")
        head = path.read_bytes()[: -numbers.nbytes]
        voxels = numbers.astype(kind).tobytes(order="F")
        head = head.replace(b"endian: little", b"endian: big")
        path.write_bytes(head.replace(b"OrderMSB = False", b"OrderMSB = True") + voxels)
    read = import_image(path).array
    assert read.dtype == numbers.dtype
    assert np.array_equal(read, numbers)
