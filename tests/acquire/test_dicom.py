"""DICOM folders: one good stack is read exactly; anything else is rejected with the reason."""

import shutil

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from srnet.acquire.acquire import acquire, list_scans
from srnet.acquire.archive import unpack
from srnet.acquire.dicom import list_series, read_series
from srnet.acquire.dicom_headers import has_dicom
from srnet.acquire.integrity import check_values
from srnet.acquire.local import list_source, read_scan
from srnet.config.cohort import CohortSettings, FolderSource
from srnet.core.errors import ScanRejected
from srnet.imaging.volume import AIR_HU, canonical
from tests.fixtures.dicom import changed, write_enhanced, write_series, write_slice


def test_a_series_gives_the_volume_of_the_same_nifti(tiny_ct, tmp_path):
    volume = canonical(read_series([write_series(tmp_path / "ct", tiny_ct)]))
    reference = canonical(tiny_ct)
    assert np.array_equal(volume.array, reference.array // 2 * 2)
    np.testing.assert_allclose(volume.grid.affine, reference.grid.affine, atol=1e-6)


def test_a_folder_becomes_one_scan_of_the_cohort(tiny_ct, tmp_path):
    write_series(tmp_path / "p1" / "ct", tiny_ct)
    (scan,) = list_source(FolderSource(path=str(tmp_path)))
    assert (scan.scan_id, scan.patient_id) == ("p1_ct", "p1")
    assert acquire(scan, seed=1).grid.shape == (36, 44, 40)


def test_files_without_suffix_are_known_by_their_magic(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct)
    for path in list(folder.iterdir()):
        path.rename(path.with_suffix(""))
    assert has_dicom(folder)
    assert not has_dicom(tmp_path)
    assert read_series([folder]).array.shape == tiny_ct.array.shape


def test_padding_outside_the_field_of_view_becomes_air(tiny_ct, tmp_path):
    padded = tiny_ct.array.copy()
    padded[:4] = -1024 - 2000
    image = type(tiny_ct)(padded, tiny_ct.affine, tiny_ct.spacing_mm)
    folder = write_series(tmp_path / "ct", image, PixelPaddingValue=-1000)
    assert np.all(read_series([folder]).array[-4:] == AIR_HU)


def test_two_series_in_one_folder_are_never_stacked(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct)
    second = write_series(
        tmp_path / "more",
        tiny_ct,
        order=range(10),
        SeriesInstanceUID="1.2.4",
        SeriesNumber=4,
        SeriesDescription="Soft 3.0",
    )
    for path in second.iterdir():
        path.rename(folder / f"second-{path.name}")
    with pytest.raises(ScanRejected) as refusal:
        read_series([folder])
    assert str(refusal.value) == (
        f"{folder}: holds 2 CT series or acquisitions (series 3 'Bone 3.0': 36 slices; "
        "series 4 'Soft 3.0': 10 slices); give each a folder of its own, as "
        "`srnet scans split-dicom FOLDER OUT` does"
    )


def test_two_acquisitions_of_one_series_are_told_apart(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct)
    again = write_series(tmp_path / "more", tiny_ct, AcquisitionNumber=2)
    for path in again.iterdir():
        path.rename(folder / f"again-{path.name}")
    assert [len(stack) for stack in list_series([folder])] == [36, 36]
    with pytest.raises(ScanRejected, match="holds 2 CT series or acquisitions"):
        read_series([folder])


def higher(image, step_mm):
    affine = image.affine.copy()
    affine[2, 3] += step_mm
    return type(image)(image.array, affine, image.spacing_mm)


def added(folder, more):
    """Move the files of one series into the folder of another."""
    for path in more.iterdir():
        path.rename(folder / f"more-{path.name}")
    return folder


@pytest.mark.parametrize("offset_mm", [0.0, 1.0, 1.5])
def test_two_acquisitions_in_between_each_other_are_told_apart(tiny_ct, tmp_path, offset_mm):
    """As two phases of the heart or of contrast, whose slices need not coincide."""
    folder = write_series(tmp_path / "ct", tiny_ct)
    second = higher(tiny_ct, offset_mm)
    added(folder, write_series(tmp_path / "more", second, AcquisitionNumber=2))
    assert [len(stack) for stack in list_series([folder])] == [36, 36]
    with pytest.raises(ScanRejected, match="holds 2 CT series or acquisitions"):
        read_series([folder])


def test_slices_that_are_numbered_along_the_body_are_one_stack(tiny_ct, tmp_path):
    """Some scanners alternate between two acquisitions, and half of a scan is no scan."""
    tags = {"AcquisitionNumber": lambda i: 1 + i % 2, "InstanceNumber": lambda i: 36 - i}
    folder = write_series(tmp_path / "ct", tiny_ct, **tags)
    assert [len(stack) for stack in list_series([folder])] == [36]
    assert read_series([folder]).spacing_mm[2] == pytest.approx(3)


def test_acquisitions_that_continue_each_other_are_one_stack(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct, order=range(18))
    rest = write_series(tmp_path / "more", tiny_ct, order=range(18, 36), AcquisitionNumber=2)
    assert read_series([added(folder, rest)]).array.shape == tiny_ct.array.shape


def test_a_copied_slice_of_a_series_that_numbers_every_slice_is_passed_over(tiny_ct, tmp_path):
    folder = tmp_path / "ct"
    for index in range(36):
        write_series(folder, tiny_ct, order=[index], AcquisitionNumber=index + 1)
    assert read_series([folder]).array.shape == tiny_ct.array.shape
    copy = next(iter(sorted(folder.iterdir())))
    (folder / "copy.dcm").write_bytes(copy.read_bytes())
    assert read_series([folder]).array.shape == tiny_ct.array.shape


def test_two_exposures_whose_slices_are_all_numbered_are_not_called_short(tiny_ct, tmp_path):
    folder = tmp_path / "ct"
    brighter = type(tiny_ct)(tiny_ct.array + 20, tiny_ct.affine, tiny_ct.spacing_mm)
    for index in range(72):
        place, image = index % 36, tiny_ct if index < 36 else brighter
        part = write_series(tmp_path / "one", image, order=[place], AcquisitionNumber=index)
        folder.mkdir(exist_ok=True)
        (slice_,) = part.iterdir()
        slice_.rename(folder / f"{index}.dcm")
    with pytest.raises(ScanRejected, match="72 of 72 slices share a position"):
        read_series([folder])


@pytest.mark.parametrize(
    ("tag", "value", "lack"),
    [
        ("RescaleSlope", "", "an empty RescaleSlope"),
        ("RescaleIntercept", "", "an empty RescaleIntercept"),
        ("ImagePositionPatient", "", r"no position \(ImagePositionPatient\)"),
        ("ImagePositionPatient", None, r"no position \(ImagePositionPatient\)"),
        ("ImageOrientationPatient", [1, 0, 0, 0], r"no orientation \(ImageOrientationPatient\)"),
    ],
)
def test_what_place_or_scale_rest_on_is_missed_by_name(tiny_ct, tmp_path, tag, value, lack):
    folder = changed(write_series(tmp_path / "ct", tiny_ct), **{tag: value})
    message = rf"ct: 36 of 36 CT slices have {lack}, such as 0000\.dcm; export the series again"
    with pytest.raises(ScanRejected, match=message):
        read_series([folder])


def test_colour_pictures_are_refused(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct, order=range(6), PixelPaddingValue=-2000)
    colours = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 0,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "PixelData": bytes(44 * 40 * 3),
    }
    changed(folder, **colours, RescaleSlope=None, RescaleIntercept=None, PixelPaddingValue=None)
    with pytest.raises(ScanRejected, match="its slices are colour images"):
        read_series([folder])


def test_objects_beside_the_slices_need_not_make_sense(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct)
    write_slice(tmp_path / "ot" / "ot.dcm", np.zeros((20, 20)), (0, 0, 0), Modality="OT")
    added(folder, changed(tmp_path / "ot", RescaleSlope="", ImagePositionPatient=""))
    assert read_series([folder]).array.shape == tiny_ct.array.shape


@pytest.mark.filterwarnings("ignore")  # The library warns of what it is about to refuse.
def test_flipped_bytes_in_a_header_end_in_a_rejection_or_in_a_scan(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct, order=range(5))
    victim = folder / "0000.dcm"
    whole, rng = victim.read_bytes(), np.random.default_rng(3)
    reasons = []
    for _ in range(100):
        damaged = bytearray(whole)
        for place in rng.integers(132, 700, 4):
            damaged[place] = rng.integers(256)
        victim.write_bytes(damaged)
        try:
            read_series([folder])
        except ScanRejected as refusal:
            reasons.append(str(refusal))
    assert 0 < len(reasons) < 100
    assert not [reason for reason in reasons if "0x" in reason or ".cxx" in reason]


def test_a_scout_and_a_report_are_passed_over(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct)
    shape = (20, 20)
    write_slice(
        folder / "scout.dcm",
        np.zeros(shape),
        (0, 0, 0),
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )
    write_slice(folder / "report.dcm", np.zeros(shape), (0, 0, 0), Modality="SR")
    assert read_series([folder]).array.shape == tiny_ct.array.shape


def test_missing_slices_are_counted_and_located(tiny_ct, tmp_path):
    kept = [index for index in range(36) if index not in {11, 12}]
    folder = write_series(tmp_path / "ct", tiny_ct, order=kept)
    message = r"2 slices are missing: the step is 3 mm but 9 mm after slice 11 of 34"
    with pytest.raises(ScanRejected, match=message):
        read_series([folder])


def test_copies_of_slices_are_passed_over(tiny_ct, tmp_path):
    """Also where the copy was given a number of its own on its way."""
    reference = read_series([write_series(tmp_path / "ct", tiny_ct)])
    for number, path in enumerate(sorted((tmp_path / "ct").iterdir())[3:6]):
        copy = path.with_name(f"{path.stem} (1).dcm")
        copy.write_bytes(path.read_bytes())
        if number == 1:
            data = pydicom.dcmread(copy)
            data.SOPInstanceUID = pydicom.uid.generate_uid()
            data.save_as(copy)
    read = read_series([tmp_path / "ct"])
    assert np.array_equal(read.array, reference.array)
    assert np.array_equal(read.affine, reference.affine)


def test_two_exposures_of_one_place_are_refused_by_name(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct)
    first = min(folder.iterdir())
    data = pydicom.dcmread(first)
    data.PixelData = bytes(len(data.PixelData))
    data.save_as(folder / "again.dcm")
    message = r"2 of 37 slices share a position, such as 0000\.dcm and again\.dcm .* exposures"
    with pytest.raises(ScanRejected, match=message):
        read_series([folder])


def test_a_tilted_gantry_is_refused_with_its_angle(tiny_ct, tmp_path):
    """Slices of a tilted gantry move along the table, not along their normal."""
    folder = tmp_path / "ct"
    folder.mkdir()
    tilt = np.deg2rad(15)
    cosines = [1, 0, 0, 0, float(np.cos(tilt)), float(np.sin(tilt))]
    for index in range(20):
        rows = tiny_ct.array[:, :, index].T
        write_slice(
            folder / f"{index}.dcm", rows, (0, 0, 3.0 * index), ImageOrientationPatient=cosines
        )
    message = r"the gantry was tilted by 15\.0 degrees.*dcm2niix"
    with pytest.raises(ScanRejected, match=message):
        read_series([folder])


def test_an_mr_series_is_refused_by_its_modality(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "mr", tiny_ct, Modality="MR")
    with pytest.raises(ScanRejected) as refusal:
        read_series([folder])
    assert str(refusal.value) == (
        f"{folder}: holds no CT slices but 36 x MR; only CT in Hounsfield units can be used"
    )


def test_a_series_without_its_intercept_is_refused_by_its_values(tiny_ct, tmp_path):
    write_series(tmp_path / "p" / "ct", tiny_ct, RescaleSlope=None, RescaleIntercept=None)
    (scan,) = list_source(FolderSource(path=str(tmp_path)))
    with pytest.raises(ScanRejected, match=r"p/ct: only 0\.0% of the voxels are air or fat"):
        acquire(scan, seed=1)


def test_frames_that_do_not_state_their_place_are_refused_with_a_way_out(tiny_ct, tmp_path):
    path = tmp_path / "ct" / "1.dcm"
    write_enhanced(path, tiny_ct, range(36), PerFrameFunctionalGroupsSequence=[])
    for given in (path, path.parent):
        with pytest.raises(ScanRejected, match=r"enhanced multi-frame CT .* convert it to NIfTI"):
            read_series([given])


def test_frames_without_a_place_beside_a_plain_series_are_passed_over_by_name(
    tiny_ct, tmp_path, caplog
):
    folder = write_series(tmp_path / "ct", tiny_ct)
    write_enhanced(folder / "more.dcm", tiny_ct, range(36), PerFrameFunctionalGroupsSequence=[])
    assert read_series([folder]).array.shape == tiny_ct.array.shape
    assert "more.dcm holds frames whose place it does not state" in caplog.text


@pytest.mark.parametrize("intercepts", [None, lambda index: -1024 + index])
@pytest.mark.parametrize("given", ["ct/1.dcm", "ct"])
def test_an_enhanced_ct_is_its_frames_in_the_order_of_their_places(
    tiny_ct, tmp_path, intercepts, given
):
    order = np.random.default_rng(1).permutation(36).tolist()
    write_enhanced(tmp_path / "ct" / "1.dcm", tiny_ct, order, intercepts)
    read, reference = canonical(read_scan([tmp_path / given])), canonical(tiny_ct)
    assert np.array_equal(read.array, reference.array)
    np.testing.assert_allclose(read.grid.affine, reference.grid.affine, atol=1e-6)


def test_an_enhanced_ct_obeys_the_rules_of_any_series(tiny_ct, tmp_path):
    lost = [index for index in range(36) if index != 17]
    path = write_enhanced(tmp_path / "gap" / "1.dcm", tiny_ct, lost)
    with pytest.raises(ScanRejected, match=r"1 slices are missing: the step is 3 mm but 6 mm"):
        read_series([path])
    path = write_enhanced(tmp_path / "twice" / "1.dcm", tiny_ct, [*range(36), 4], lambda i: i)
    assert read_series([path]).array.shape == tiny_ct.array.shape
    path = write_enhanced(tmp_path / "mr" / "1.dcm", tiny_ct, range(36), Modality="MR")
    with pytest.raises(ScanRejected, match="holds no CT slices but 1 x MR"):
        read_series([path])


@pytest.mark.parametrize(
    "texts", [("ABOUT.TXT", "AUTORUN.INF", "HELP.TXT"), ("ABOUT.TXT", "README", "VIEWER.EXE")]
)
def test_texts_on_a_disc_do_not_hide_its_slices(tiny_ct, tmp_path, texts):
    folder = write_series(tmp_path / "ct", tiny_ct)
    for number, path in enumerate(sorted(folder.iterdir())):
        path.rename(folder / f"IM{number:05d}")
    for text in texts:
        (folder / text).write_text("x" * 200, encoding="utf-8")
    assert has_dicom(folder)


def test_memory_that_runs_out_while_decoding_rejects_no_scan(tiny_ct, tmp_path, monkeypatch):
    folder = write_series(tmp_path / "ct", tiny_ct)

    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(np, "fromfile", fail)
    with pytest.raises(MemoryError):
        read_series([folder])


def test_damaged_files_do_not_pass_as_dicom(tmp_path):
    folder = tmp_path / "ct"
    folder.mkdir()
    (folder / "1.dcm").write_bytes(b"")
    (folder / "2.dcm").write_bytes(b"no dicom at all")
    with pytest.raises(ScanRejected, match="no file in it is a DICOM image"):
        read_series([folder])


DAMAGE = {
    "empty": lambda _: b"",
    "page": lambda _: b"<html>504 Gateway Time-out</html>" * 30,
    "header": lambda whole: whole[:300],
    "magic": lambda whole: whole[:128] + b"DICN" + whole[132:],
    "pixels": lambda whole: whole[:-500],
    "one byte": lambda whole: whole[:-1],
}


@pytest.mark.parametrize("name", ["{:04d}.dcm", "IM{:04d}", "1.2.{:04d}"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_slices_that_cannot_be_read_are_named_wherever_they_lie(tiny_ct, tmp_path, kind, name):
    """At the end of a stack, they would leave a shorter one."""
    folder = write_series(tmp_path / "ct", tiny_ct, name=name)
    victims = [folder / name.format(index * 7919 % 1000) for index in (34, 35)]
    for path in victims:
        path.write_bytes(DAMAGE[kind](path.read_bytes()))
    message = r"ct: 2 of 36 files cannot be read as DICOM, such as (\S+) \(.*\); copy or export"
    with pytest.raises(ScanRejected, match=message) as refusal:
        read_series([folder])
    assert any(f"such as {path.name} " in str(refusal.value) for path in victims)


def test_slices_without_a_preamble_are_slices(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct, name="IM{:04d}")
    reference = read_series([folder])
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[132:])
    assert has_dicom(folder)
    assert np.array_equal(read_series([folder]).array, reference.array)


@pytest.mark.parametrize("name", ["{:04d}.dcm", "IM{:04d}"])
def test_what_else_lies_on_a_disc_is_passed_over(tiny_ct, tmp_path, name):
    folder = write_series(tmp_path / "ct", tiny_ct, name=name)
    for other, content in {
        "README": b"Insert the disc.\r\n",
        "dicomdir": b"\0" * 200,
        "Thumbs.db": b"\xd0\xcf\x11\xe0" + bytes(500),
        "preview.jpg": b"\xff\xd8\xff",
        "._0000.dcm": b"\0\5\x16\7\0\2\0\0Mac OS X        ",
        ".DS_Store": bytes(100),
        "LOCKFILE": b"",
        "autorun.inf": b"[autorun]",
    }.items():
        (folder / other).write_bytes(content)
    assert read_series([folder]).array.shape == tiny_ct.array.shape


def alternating(one, other):
    return lambda index: other if index % 2 else one


@pytest.mark.parametrize(
    "tags",
    [
        {"PixelSpacing": alternating(["2", "2"], ["2.0000001", "2.0000001"])},
        {"PixelSpacing": alternating(["1.999", "2.000"], ["2.000", "2.001"])},
        {
            "ImageOrientationPatient": alternating(
                ["1", "0.00005", "0", "-0.00005", "1", "0"],
                ["1", "-0.00005", "0", "0.00005", "1", "0"],
            )
        },
        {"ImagePositionPatient": lambda i: ["-80", "-90.0", f"{57 + 3 * i + (i % 2) * 1e-4:.4f}"]},
    ],
)
def test_the_last_digit_of_a_tag_parts_no_series(tiny_ct, tmp_path, tags):
    folder = write_series(tmp_path / "ct", tiny_ct, **tags)
    assert len(list_series([folder])) == 1
    read = read_series([folder])
    assert np.array_equal(canonical(read).array, canonical(tiny_ct).array // 2 * 2)
    assert read.spacing_mm == pytest.approx((2, 2, 3), rel=1e-3)


def test_positions_of_one_decimal_are_as_even_as_their_text(tiny_ct, tmp_path):
    """0.625 mm becomes 0.6 and 0.7."""
    places = {"ImagePositionPatient": lambda index: ["0", "0", f"{0.625 * index:.1f}"]}
    folder = write_series(tmp_path / "ct", tiny_ct, **places)
    assert read_series([folder]).spacing_mm[2] == pytest.approx(0.625, abs=0.003)
    victim = next(p for p in folder.iterdir() if pydicom.dcmread(p).ImagePositionPatient[2] == 10)
    victim.unlink()
    with pytest.raises(ScanRejected, match="1 slices are missing"):
        read_series([folder])


@pytest.mark.parametrize("lost", [range(36), [1, 11]])
def test_a_scale_that_some_slices_lack_is_missed(tiny_ct, tmp_path, lost):
    tags = {
        "RescaleSlope": lambda index: None if index in lost else 1,
        "RescaleIntercept": lambda index: None if index in lost else -1024,
    }
    folder = write_series(tmp_path / "ct", tiny_ct, **tags)
    if len(lost) == 36:
        assert read_series([folder]).array.max() == (700 + 1024) // 2
    else:
        with pytest.raises(ScanRejected, match=r"2 of 36 CT slices have no RescaleSlope, such as"):
            read_series([folder])


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        ({"BitsAllocated": 8, "BitsStored": 8}, r"it holds 3520 bytes of pixels where its header"),
        (
            {"PhotometricInterpretation": "MONOCHROME1"},
            r"3 of 36 CT slices are stored as 16 1 MONO",
        ),
        ({"Rows": 22}, r"it holds 3520 bytes of pixels where its header claims 1760"),
        ({"Rows": 65535, "Columns": 65535}, r"it claims 1 frames of 65535 x 65535 pixels"),
        (
            {"ImageOrientationPatient": [0, 1, 0, 0, 0, 1]},
            r"3 of 36 slices of series 3 'Bone 3.0' differ from the others in size, direction",
        ),
        ({"RescaleSlope": 0}, r"3 of 36 CT slices have a RescaleSlope of 0"),
        ({"RescaleType": "Z_EFF"}, r"3 of 36 CT slices have values in 'Z_EFF' instead of HU"),
        ({"PixelSpacing": [0, 0]}, r"3 of 36 CT slices have no voxel size"),
        (
            {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
            r"3 of 36 CT slices have no orientation",
        ),
    ],
)
def test_three_slices_that_differ_from_the_others_are_named(tiny_ct, tmp_path, tags, what):
    folder = write_series(tmp_path / "ct", tiny_ct)
    for path in sorted(folder.iterdir())[-3:]:
        data = pydicom.dcmread(path)
        for tag, value in tags.items():
            setattr(data, tag, value)
        data.save_as(path)
    with pytest.raises(ScanRejected, match=what):
        read_series([folder])


def _twelve_bits(path, extended):
    """Store the same HU in twelve of sixteen bits, the sign repeated above or not."""
    data = pydicom.dcmread(path)
    numbers = np.frombuffer(data.PixelData, np.int16) - 512
    data.BitsStored, data.HighBit = 12, 11
    data.RescaleIntercept = float(data.RescaleIntercept) + 1024
    data.PixelData = (numbers if extended else numbers & 0xFFF).astype(np.int16).tobytes()
    data.save_as(path)


@pytest.mark.parametrize("extended", [True, False])
def test_a_sign_below_the_highest_bit_is_a_sign(tiny_ct, tmp_path, extended):
    folder = write_series(tmp_path / "ct", tiny_ct)
    reference = read_series([folder])
    for path in folder.iterdir():
        _twelve_bits(path, extended)
    assert np.array_equal(read_series([folder]).array, reference.array)


@pytest.mark.parametrize("extra", [b"xx", bytes(1000)])
def test_more_pixels_than_a_slice_has_are_refused(tiny_ct, tmp_path, extra):
    folder = write_series(tmp_path / "ct", tiny_ct)
    path = max(folder.iterdir())
    data = pydicom.dcmread(path)
    data.PixelData += extra
    data.save_as(path)
    with pytest.raises(ScanRejected, match=rf"holds {3520 + len(extra)} bytes of pixels where"):
        read_series([folder])


def test_a_slice_that_claims_another_modality_than_its_series_is_named(tiny_ct, tmp_path):
    folder = write_series(
        tmp_path / "ct", tiny_ct, Modality=lambda index: "KT" if index == 35 else "CT"
    )
    with pytest.raises(ScanRejected, match=r"such as \S+ \(it is a KT in a series of CT slices\)"):
        read_series([folder])


def test_slices_beside_their_neighbours_are_refused(tiny_ct, tmp_path):
    places = {"ImagePositionPatient": lambda i: [20 * (15 <= i < 20), 0, 3 * i]}
    folder = write_series(tmp_path / "ct", tiny_ct, **places)
    with pytest.raises(
        ScanRejected, match=r"slice 16 of 36 \(.*\) lies 20\.0 mm beside the slice"
    ):
        read_series([folder])


def test_a_distance_that_changes_is_not_called_a_gap(tiny_ct, tmp_path):
    places = {"ImagePositionPatient": lambda i: [0, 0, 3 * i if i < 20 else 60 + 5 * (i - 20)]}
    folder = write_series(tmp_path / "ct", tiny_ct, **places)
    message = (
        r"unevenly spaced: the distance changes from 3 to 5 mm after slice 21 of 36 \(.*\); res"
    )
    with pytest.raises(ScanRejected, match=message):
        read_series([folder])


def test_a_series_whose_slices_have_a_series_each_is_one(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct, SeriesInstanceUID=lambda i: f"1.2.3.{i}")
    assert read_series([folder]).array.shape == tiny_ct.array.shape


def test_a_few_slices_of_another_series_are_passed_over_by_name(tiny_ct, tmp_path, caplog):
    """As those that watch the contrast agent arrive."""
    folder = write_series(tmp_path / "ct", tiny_ct)
    other = {"SeriesInstanceUID": "1.2.4", "SeriesNumber": 4, "SeriesDescription": "bolus"}
    added(folder, write_series(tmp_path / "more", tiny_ct, order=[7, 8], **other))
    assert read_series([folder]).array.shape == tiny_ct.array.shape
    assert "2 slices of series 4 'bolus' are passed over" in caplog.text


def test_a_last_slice_of_another_series_of_the_same_name_is_refused(tiny_ct, tmp_path):
    folder = write_series(
        tmp_path / "ct", tiny_ct, SeriesInstanceUID=lambda i: "1.2.4" if i == 35 else "1.2.3"
    )
    message = r"1 of 36 slices of series 3 'Bone 3\.0' differ from the others in series, such as"
    with pytest.raises(ScanRejected, match=message):
        read_series([folder])


def spread(folder, parts):
    """Move the files of a folder into folders below it, in turn."""
    for number, path in enumerate(sorted(folder.iterdir())):
        below = folder / f"DIR{number * parts // 36:03d}"
        below.mkdir(exist_ok=True)
        path.rename(below / path.name)


def test_a_series_spread_over_folders_is_one_scan(tiny_ct, tmp_path):
    reference = read_series([write_series(tmp_path / "cd" / "a", tiny_ct)])
    spread(tmp_path / "cd" / "a", 4)
    write_series(tmp_path / "cd" / "b", tiny_ct, SeriesInstanceUID="1.2.5")
    scans = list_source(FolderSource(path=str(tmp_path / "cd")))
    assert [scan.scan_id for scan in scans] == ["a_DIR000", "b"]
    assert len(scans[0].files) == 4
    whole = check_values(canonical(reference), "a")
    assert np.array_equal(acquire(scans[0], seed=1).array, whole.array)


def test_a_folder_beside_its_archive_is_one_scan(tiny_ct, tmp_path):
    write_series(tmp_path / "in" / "a", tiny_ct)
    shutil.make_archive(str(tmp_path / "in" / "a"), "zip", tmp_path / "in" / "a")
    (scan,) = list_source(FolderSource(path=str(tmp_path / "in")))
    assert acquire(scan, seed=1).grid.shape == (36, 44, 40)


def test_parts_of_a_series_in_several_archives_are_refused(tiny_ct, tmp_path):
    for name, order in (("a", range(18)), ("b", range(18, 36))):
        write_series(tmp_path / name, tiny_ct, order=order)
        shutil.make_archive(str(tmp_path / "in" / name), "zip", tmp_path / name)
    (scan,) = list_source(FolderSource(path=str(tmp_path / "in")))
    with pytest.raises(
        ScanRejected, match=r"a\.zip, .*b\.zip: hold parts or copies of one series"
    ):
        acquire(scan, seed=1)


def packings(folder):
    """Yield copies of a series, their pixels packed in every way that can be written here."""
    for name in ("RLE", "deflated", "JPEG2000", "JPEG"):
        packed = folder.with_name(name)
        packed.mkdir()
        for path in folder.iterdir():
            if name in {"RLE", "deflated"}:
                data = pydicom.dcmread(path)
                if name == "RLE":
                    data.compress(RLELossless)
                else:
                    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
                data.save_as(packed / path.name)
                continue
            # GDCM writes JPEG without loss.
            image = SimpleITK.ReadImage(str(path))
            writer = SimpleITK.ImageFileWriter()
            writer.SetUseCompression(True)
            writer.SetCompressor(name)
            writer.KeepOriginalImageUIDOn()
            writer.SetFileName(str(packed / path.name))
            plane = SimpleITK.Cast(image, SimpleITK.sitkInt16)
            for tag in ("0008|0060", "0020|000e", "0020|0032", "0020|0037", "0028|0030"):
                plane.SetMetaData(tag, image.GetMetaData(tag))
            writer.Execute(plane)
        yield packed


def test_packed_pixels_are_those_that_were_packed(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "plain", tiny_ct, RescaleSlope=1)
    reference = read_series([folder])
    syntaxes = set()
    for packed in packings(folder):
        read = read_series([packed])
        assert np.array_equal(read.array, reference.array), packed.name
        first = pydicom.dcmread(next(packed.iterdir()), stop_before_pixels=True)
        syntaxes.add(first.file_meta.TransferSyntaxUID)
    assert len(syntaxes) >= 3


@pytest.mark.parametrize(
    ("first", "second", "patients"),
    [
        ("PAT-7", "PAT-7", 1),
        ("PAT-7", " PAT-7 ", 1),
        ("PAT-7", "PAT-8", 2),
        ("", "", 2),
        ("ANONYMOUS", "ANONYMOUS", 2),
        ("000", "000", 2),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_two_series_of_one_patient_id_stay_together(
    tiny_ct, tmp_path, first, second, patients, packed
):
    """What identifies the patient is compared, and stands nowhere."""
    for name, person in (("monday", first), ("friday", second)):
        folder = tmp_path / "in" / name
        write_series(folder, tiny_ct, SeriesInstanceUID=f"1.2.{len(name)}{name == 'monday':d}")
        changed(folder, PatientID=person)
        if packed:
            shutil.make_archive(str(folder), "zip", folder)
            shutil.rmtree(folder)
    source = FolderSource(path=str(tmp_path / "in"))
    scans = list_scans(CohortSettings(sources=(source,)))
    assert [scan.scan_id for scan in scans] == ["friday", "monday"]
    assert len({scan.patient_id for scan in scans}) == patients
    assert not [scan for scan in scans if "PAT" in f"{scan} {scan.plain()}"]
    assert "person" not in scans[0].plain()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "spacing"),
    [
        ("lidc-0001", (133, 512, 512), (2.5, 0.703125, 0.703125)),
        ("crlm-1006", (51, 512, 512), (5.0, 0.804688, 0.804688)),
        ("acrin-flt-001b", (99, 512, 512), (4.25, 0.976562, 0.976562)),
    ],
)
def test_clinical_series_read_as_an_independent_reader_does(
    srnet_data, tmp_path, name, shape, spacing
):
    """Geometry as published, and at random places the value that GDCM's own sorting gives."""
    archive = srnet_data / "dicom" / f"{name}.dcm.tar.xz"
    volume = check_values(canonical(read_scan([archive])), name)
    assert volume.grid.shape == shape
    assert volume.grid.spacing_mm == pytest.approx(spacing, abs=1e-4)
    unpack(archive, tmp_path)
    files = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))
    other = SimpleITK.ReadImage(files)
    rng = np.random.default_rng(1)
    for index in rng.integers(0, shape, (300, 3)):
        right, front, up = (volume.grid.affine @ [*index, 1.0])[:3]
        there = other[other.TransformPhysicalPointToIndex((-right, -front, up))]
        assert volume.array[tuple(index)] == (there if there >= -1024 else AIR_HU)
