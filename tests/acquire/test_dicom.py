"""DICOM folders: one good stack is read truly; anything else is named."""

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from srnet.acquire.acquire import acquire
from srnet.acquire.archive import unpack
from srnet.acquire.dicom import has_dicom, list_series, read_series
from srnet.acquire.integrity import check_values
from srnet.acquire.local import list_source, read_path
from srnet.config.cohort import FolderSource
from srnet.core.errors import ScanRejected
from srnet.imaging.volume import AIR_HU, canonical


def write_slice(path, hu, position, **changes):
    """Write one CT slice; `hu` is (rows, columns)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    tags = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SeriesInstanceUID": "1.2.3",
        "SeriesNumber": 3,
        "SeriesDescription": "Bone 3.0",
        "AcquisitionNumber": 1,
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "ImagePositionPatient": list(position),
        "PixelSpacing": [2.0, 2.0],
        "Rows": hu.shape[0],
        "Columns": hu.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 1,
        "RescaleSlope": 2,
        "RescaleIntercept": -1024,
        **changes,
    }
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    for tag, value in tags.items():
        if value is not None:
            setattr(data, tag, value)
    data.PixelData = ((hu.astype(int) + 1024) // 2).astype(np.int16).tobytes()
    data.save_as(path, enforce_file_format=True)


def write_series(folder, image, order=None, **changes):
    """Write an `Image` in RAS with diagonal affine as axial slices, from foot to head."""
    folder.mkdir(parents=True, exist_ok=True)
    left, back = -image.affine[0, 3], -image.affine[1, 3]
    start = left - (image.array.shape[0] - 1) * 2.0, back - (image.array.shape[1] - 1) * 2.0
    even = image.array // 2 * 2
    for index in order or range(image.array.shape[2]):
        height = image.affine[2, 3] + 3.0 * index
        rows = even[::-1, ::-1, index].T
        write_slice(folder / f"{index * 7919 % 1000:04d}.dcm", rows, (*start, height), **changes)
    return folder


def test_a_series_gives_the_volume_of_the_same_nifti(tiny_ct, tmp_path):
    volume = canonical(read_series(write_series(tmp_path / "ct", tiny_ct)))
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
    assert read_series(folder).array.shape == tiny_ct.array.shape


def test_padding_outside_the_field_of_view_becomes_air(tiny_ct, tmp_path):
    padded = tiny_ct.array.copy()
    padded[:4] = -1024 - 2000
    image = type(tiny_ct)(padded, tiny_ct.affine, tiny_ct.spacing_mm)
    folder = write_series(tmp_path / "ct", image, PixelPaddingValue=-1000)
    assert np.all(read_series(folder).array[-4:] == AIR_HU)


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
        read_series(folder)
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
    assert [len(stack) for stack in list_series(folder)] == [36, 36]
    with pytest.raises(ScanRejected, match="holds 2 CT series or acquisitions"):
        read_series(folder)


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
    """Two phases of a heart or of contrast, whose slices need not coincide."""
    folder = write_series(tmp_path / "ct", tiny_ct)
    second = higher(tiny_ct, offset_mm)
    added(folder, write_series(tmp_path / "more", second, AcquisitionNumber=2))
    assert [len(stack) for stack in list_series(folder)] == [36, 36]
    with pytest.raises(ScanRejected, match="holds 2 CT series or acquisitions"):
        read_series(folder)


def test_acquisitions_that_continue_each_other_are_one_stack(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct, order=range(18))
    rest = write_series(tmp_path / "more", tiny_ct, order=range(18, 36), AcquisitionNumber=2)
    assert read_series(added(folder, rest)).array.shape == tiny_ct.array.shape


def test_a_copied_slice_of_a_series_that_numbers_every_slice_is_named(tiny_ct, tmp_path):
    folder = tmp_path / "ct"
    for index in range(36):
        write_series(folder, tiny_ct, order=[index], AcquisitionNumber=index + 1)
    assert read_series(folder).array.shape == tiny_ct.array.shape
    copy = next(iter(sorted(folder.iterdir())))
    (folder / "copy.dcm").write_bytes(copy.read_bytes())
    with pytest.raises(ScanRejected, match=r"2 of 37 slices share a position"):
        read_series(folder)


def test_two_exposures_whose_slices_are_all_numbered_are_not_called_short(tiny_ct, tmp_path):
    folder = tmp_path / "ct"
    for index in range(72):
        place = index % 36
        part = write_series(tmp_path / "one", tiny_ct, order=[place], AcquisitionNumber=index)
        folder.mkdir(exist_ok=True)
        (slice_,) = part.iterdir()
        slice_.rename(folder / f"{index}.dcm")
    with pytest.raises(ScanRejected, match="37 of 72 slices share a position"):
        read_series(folder)


def changed(folder, **values):
    """Set tags of every slice to what the writer above would not write; None deletes one."""
    for path in folder.iterdir():
        data = pydicom.dcmread(path)
        for tag, value in values.items():
            if value is None:
                delattr(data, tag)
            else:
                setattr(data, tag, value)
        data.save_as(path)
    return folder


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
        read_series(folder)


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
        read_series(folder)


def test_objects_beside_the_slices_need_not_make_sense(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct)
    write_slice(tmp_path / "ot" / "ot.dcm", np.zeros((20, 20)), (0, 0, 0), Modality="OT")
    added(folder, changed(tmp_path / "ot", RescaleSlope="", ImagePositionPatient=""))
    assert read_series(folder).array.shape == tiny_ct.array.shape


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
            read_series(folder)
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
    assert read_series(folder).array.shape == tiny_ct.array.shape


def test_missing_slices_are_counted_and_located(tiny_ct, tmp_path):
    kept = [index for index in range(36) if index not in {11, 12}]
    folder = write_series(tmp_path / "ct", tiny_ct, order=kept)
    message = r"2 slices are missing: the step is 3 mm but 9 mm after slice 11 of 34"
    with pytest.raises(ScanRejected, match=message):
        read_series(folder)


def test_doubled_slices_are_refused(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct)
    copy = next(iter(sorted(folder.iterdir())))
    (folder / "copy.dcm").write_bytes(copy.read_bytes())
    with pytest.raises(ScanRejected, match=r"2 of 37 slices share a position"):
        read_series(folder)


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
        read_series(folder)


def test_an_mr_series_is_refused_by_its_modality(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "mr", tiny_ct, Modality="MR")
    with pytest.raises(ScanRejected) as refusal:
        read_series(folder)
    assert str(refusal.value) == (
        f"{folder}: holds no CT slices but 36 x MR; only CT in Hounsfield units can be used"
    )


def test_a_series_without_its_intercept_is_refused_by_the_gate(tiny_ct, tmp_path):
    write_series(tmp_path / "p" / "ct", tiny_ct, RescaleSlope=None, RescaleIntercept=None)
    (scan,) = list_source(FolderSource(path=str(tmp_path)))
    with pytest.raises(ScanRejected, match=r"p/ct: only 0\.0% of the voxels are air or fat"):
        acquire(scan, seed=1)


def test_a_multi_frame_file_is_refused_with_a_way_out(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct, order=range(5), NumberOfFrames=5)
    with pytest.raises(ScanRejected, match="enhanced multi-frame CT; convert it to NIfTI"):
        read_series(folder)


def write_enhanced(path, frames=36):
    """Write a multi-frame CT as scanners do: geometry lies in functional groups only."""
    write_slice(
        path,
        np.zeros((20, 20)),
        (0, 0, 0),
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        NumberOfFrames=frames,
        ImageOrientationPatient=None,
        ImagePositionPatient=None,
        PixelSpacing=None,
    )
    data = pydicom.dcmread(path)
    plane, shared = Dataset(), Dataset()
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PlaneOrientationSequence = Sequence([plane])
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    data.PixelData = bytes(frames * 800)
    data.save_as(path)


def test_a_true_enhanced_ct_is_refused_with_a_way_out(tmp_path):
    (tmp_path / "ct").mkdir()
    write_enhanced(tmp_path / "ct" / "1.dcm")
    with pytest.raises(ScanRejected, match="enhanced multi-frame CT; convert it to NIfTI"):
        read_series(tmp_path / "ct")


def test_an_enhanced_object_beside_a_plain_series_is_passed_over(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct)
    write_enhanced(folder / "enhanced.dcm")
    assert read_series(folder).array.shape == tiny_ct.array.shape


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

    def fail(_):
        raise RuntimeError("Failed to allocate memory for image.")

    monkeypatch.setattr(SimpleITK.ImageSeriesReader, "Execute", fail)
    with pytest.raises(RuntimeError) as failure:
        read_series(folder)
    assert not isinstance(failure.value, ScanRejected)


def test_damaged_files_do_not_pass_as_dicom(tmp_path):
    folder = tmp_path / "ct"
    folder.mkdir()
    (folder / "1.dcm").write_bytes(b"")
    (folder / "2.dcm").write_bytes(b"no dicom at all")
    with pytest.raises(ScanRejected, match="no file in it is a DICOM image"):
        read_series(folder)


def test_a_cut_slice_is_refused(tiny_ct, tmp_path):
    folder = write_series(tmp_path / "ct", tiny_ct)
    victim = next(iter(sorted(folder.iterdir())))
    victim.write_bytes(victim.read_bytes()[:-500])
    with pytest.raises(ScanRejected, match="its pixels cannot be decoded"):
        read_series(folder)


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
    volume = check_values(canonical(read_path(archive)), name)
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
