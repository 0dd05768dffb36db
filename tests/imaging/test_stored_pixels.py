"""The stored pixels of a DICOM image come back to the last bit, or its file is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from srnet.core.errors import SrnetError
from srnet.imaging.stored_pixels import read_dataset, stored_pixels
from tests.fixtures.films import film_dataset, lossless_jpeg

HERE = Path("film.dcm")
JPEG_LS_EXAMPLE = bytes.fromhex(
    "ffd8fff7000b080004000401011100ffda00080101000000 00c000006c80208e01c00000574000006e"
    "e6000001bc18000005d800009160ffd9".replace(" ", "")
)
"""The coded picture of 4 x 4 pixels in annex H.3 of the standard, ITU-T T.87."""
JPEG_LS_PICTURE = [[0, 0, 90, 74], [68, 50, 43, 205], [64, 145, 145, 145], [100, 145, 145, 145]]


def noise(kind: str, stored: int) -> np.ndarray:
    """Return levels that use all bits stored."""
    low = -(1 << (stored - 1)) if kind[0] == "i" else 0
    return np.random.default_rng(0).integers(low, low + (1 << stored), (40, 30)).astype(kind)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"])
@pytest.mark.parametrize("polarity", ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"])
@pytest.mark.parametrize(
    ("kind", "stored"), [("u1", 8), ("u2", 12), ("u2", 16), ("i1", 8), ("i2", 12), ("i2", 16)]
)
def test_lossless_jpeg_is_decoded_to_the_stored_values(syntax, polarity, kind, stored):
    levels = noise(kind, stored)
    tags = film_dataset(
        levels,
        stored,
        [lossless_jpeg(levels, stored)],
        PhotometricInterpretation=polarity,
        RescaleSlope=2,
        RescaleIntercept=-100,
    )
    tags.file_meta.TransferSyntaxUID = UID(syntax)
    found = stored_pixels(tags, HERE)
    assert found.dtype == levels.dtype
    np.testing.assert_array_equal(found, levels)


def test_frames_keep_their_order():
    levels = np.stack([noise("u2", 16), noise("u2", 16)[::-1], noise("u2", 16) // 3])
    frames = [lossless_jpeg(frame, 16) for frame in levels]
    tags = film_dataset(levels[0], 16, frames, NumberOfFrames=3)
    np.testing.assert_array_equal(stored_pixels(tags, HERE), levels)


def test_the_example_of_the_jpeg_ls_standard_is_decoded():
    tags = film_dataset(np.zeros((4, 4), np.uint8), 8, [JPEG_LS_EXAMPLE])
    tags.file_meta.TransferSyntaxUID = JPEGLSLossless
    assert stored_pixels(tags, HERE).tolist() == JPEG_LS_PICTURE


def test_nothing_of_the_patient_is_given_to_the_decoder(tmp_path, monkeypatch):
    import SimpleITK

    given: list[bytes] = []
    read = SimpleITK.ReadImage

    def note(path: str) -> SimpleITK.Image:
        given.append(Path(path).read_bytes())
        return read(path)

    monkeypatch.setattr(SimpleITK, "ReadImage", note)
    levels = noise("u2", 12)
    tags = film_dataset(levels, 12, [lossless_jpeg(levels, 12)], PatientID="P4711")
    stored_pixels(tags, HERE)
    assert given
    assert b"P4711" not in given[0]


def test_a_file_without_preamble_and_meta_header_is_read(tmp_path):
    levels = noise("u2", 12)
    tags = film_dataset(levels)
    del tags.file_meta
    tags.save_as(tmp_path / "bare.dcm", implicit_vr=True, little_endian=True)
    found = read_dataset(tmp_path / "bare.dcm")
    np.testing.assert_array_equal(stored_pixels(found, HERE), levels)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"BitsStored": None}, "BitsStored"),
        ({"BitsStored": 17}, "BitsStored"),
        ({"HighBit": 15}, "HighBit"),
        ({"PixelRepresentation": None}, "PixelRepresentation"),
        ({"PixelRepresentation": 2}, "PixelRepresentation"),
        ({"BitsAllocated": None}, "BitsAllocated"),
        ({"Rows": 0}, "Rows"),
        ({"NumberOfFrames": -1}, "NumberOfFrames"),
        ({"SamplesPerPixel": 9}, "SamplesPerPixel"),
        ({"Rows": 39}, "holds 2400 bytes of pixels where its header claims 2340"),
        ({"Columns": 60}, "holds 2400 bytes of pixels where its header claims 4800"),
        ({"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, "holds 2400 bytes"),
        ({"Rows": 65535, "Columns": 65535}, "holds 2400 bytes"),
    ],
)
def test_a_layout_that_the_pixels_do_not_fit_is_refused_by_name(change, named):
    with pytest.raises(SrnetError, match=rf"^film\.dcm: .*{named}"):
        stored_pixels(film_dataset(noise("u2", 12), **change), HERE)


def test_one_byte_of_padding_is_allowed_and_no_more():
    levels = noise("u1", 8)[:5, :5]
    for more in (b"", b"\0"):
        tags = film_dataset(levels, 8, PixelData=levels.tobytes() + more)
        np.testing.assert_array_equal(stored_pixels(tags, HERE), levels)
    with pytest.raises(SrnetError, match="claims 25; the file"):
        stored_pixels(film_dataset(levels, 8, PixelData=levels.tobytes() + b"\0" * 3), HERE)


@pytest.mark.parametrize("rows", [20, 39, 41, 80])
@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGBaseline8Bit, None])
def test_a_compressed_picture_of_another_size_than_claimed_is_refused(tmp_path, rows, syntax):
    levels = noise("u1", 8)
    tags = film_dataset(levels, 8, [lossless_jpeg(levels, 8)] if syntax is None else None)
    if syntax == JPEGBaseline8Bit:
        Image.fromarray(levels).save(tmp_path / "film.jpg")
        tags = film_dataset(levels, 8, [(tmp_path / "film.jpg").read_bytes()])
        tags.file_meta.TransferSyntaxUID = syntax
    elif syntax == JPEG2000Lossless:
        Image.fromarray(levels).save(tmp_path / "film.j2k", irreversible=False)
        tags = film_dataset(levels, 8, [(tmp_path / "film.j2k").read_bytes()])
        tags.file_meta.TransferSyntaxUID = syntax
    elif syntax is not None:
        tags.compress(syntax)
    assert stored_pixels(tags, HERE).shape == (40, 30)
    tags.Rows = rows
    with pytest.raises(SrnetError, match=r"decoded|claims"):
        stored_pixels(tags, HERE)


def test_a_compressed_claim_beyond_any_film_is_refused_before_it_is_decoded():
    levels = noise("u2", 16)
    tags = film_dataset(levels, 16, [lossless_jpeg(levels, 16)], Rows=16384, Columns=16384)
    with pytest.raises(SrnetError, match="claims 16384 x 16384 pixels"):
        stored_pixels(tags, HERE)


def test_a_lossless_picture_that_was_cut_short_is_refused():
    levels = noise("u2", 16)
    cut = lossless_jpeg(levels, 16)[:-200]
    with pytest.raises(SrnetError, match="cannot be decoded"):
        stored_pixels(film_dataset(levels, 16, [cut]), HERE)


def test_big_endian_and_deflated_files_are_read(tmp_path):
    levels = noise("u2", 12)
    for syntax, kind in ((ExplicitVRBigEndian, ">u2"), (DeflatedExplicitVRLittleEndian, "<u2")):
        tags = film_dataset(levels, PixelData=levels.astype(kind).tobytes())
        tags.file_meta.TransferSyntaxUID = syntax
        tags.save_as(tmp_path / "film.dcm", enforce_file_format=True)
        found = stored_pixels(read_dataset(tmp_path / "film.dcm"), HERE)
        np.testing.assert_array_equal(found, levels)


@pytest.mark.parametrize("content", [b"no DICOM", b""])
def test_what_is_no_dicom_file_is_refused(tmp_path, content):
    (tmp_path / "a.dcm").write_bytes(content)
    with pytest.raises(SrnetError, match=r"a\.dcm: (is no DICOM|cannot be read as DICOM)"):
        read_dataset(tmp_path / "a.dcm")
