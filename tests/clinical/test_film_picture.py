"""Pictures and projections are whole, or refused; huge claims and bombs cost nothing."""

import gzip
import io
import struct
import zlib

import nibabel
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from srnet.clinical.film import Film, crop, place_box, read_film
from srnet.core.errors import SrnetError
from srnet.imaging.geometry import View

LEVELS = np.add.outer(np.arange(60) * 900, np.arange(40) ** 2).astype(np.uint16)
GREY = LEVELS / 65535


def packed(form: str, levels: np.ndarray = LEVELS, **how) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, format=form, **how)
    return stream.getvalue()


def read(tmp_path, content: bytes, name: str = "film.png") -> Film:
    (tmp_path / name).write_bytes(content)
    return read_film(tmp_path / name, View.AP)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: bytes, end: bytes = chunk(b"IEND", b"")) -> bytes:
    """Return a 16-bit grey PNG that claims this size and holds these packed pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", pixels) + end


@pytest.mark.parametrize(
    ("form", "name"),
    [("PNG", "a.png"), ("TIFF", "a.tif"), ("JPEG2000", "a.jp2")],
)
def test_16_bit_pictures_are_read_exactly(tmp_path, form, name):
    np.testing.assert_allclose(read(tmp_path, packed(form), name).grey, GREY, atol=1e-6)


def test_a_tiff_whose_white_is_zero_is_shown_as_a_viewer_does(tmp_path):
    tags = {"tiffinfo": {262: 0}}
    deep, flat = packed("TIFF", 65535 - LEVELS), (LEVELS // 256).astype(np.uint8)
    at = deep.index(struct.pack("<HHII", 262, 3, 1, 1))
    deep = deep[:at] + struct.pack("<HHII", 262, 3, 1, 0) + deep[at + 12 :]
    np.testing.assert_allclose(read(tmp_path, deep, "a.tif").grey, GREY, atol=1e-6)
    shallow = packed("TIFF", flat, **tags)
    found = np.asarray(Image.open(io.BytesIO(shallow))) / 255
    np.testing.assert_allclose(read(tmp_path, shallow, "a.tif").grey, found, atol=1e-6)


def test_every_flipped_byte_of_a_png_is_found(tmp_path):
    content = packed("PNG", LEVELS[:20, :20])
    assert read(tmp_path, content).shape == (20, 20)
    for place in range(8, len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        with pytest.raises(SrnetError, match=r"film\.png"):
            read(tmp_path, bytes(damaged))


@pytest.mark.parametrize("length", [100, 1000, -1, -12, -20])
def test_a_png_that_was_cut_short_is_refused(tmp_path, length):
    with pytest.raises(SrnetError, match=r"cut short|no image|damaged"):
        read(tmp_path, packed("PNG", np.random.default_rng(0).permuted(LEVELS))[:length])


def test_a_png_whose_packed_pixels_have_no_end_is_refused(tmp_path):
    """Whole chunks with right checksums around a stream that lacks its own."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in LEVELS)
    assert read(tmp_path, png(40, 60, zlib.compress(rows))).shape == (60, 40)
    for pixels in (zlib.compress(rows)[:-4], zlib.compress(rows)[:-4] + b"\0\0\0\0"):
        with pytest.raises(SrnetError, match="damaged or was cut short"):
            read(tmp_path, png(40, 60, pixels))


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
@pytest.mark.parametrize(("form", "name"), [("JPEG", "a.jpg"), ("TIFF", "a.tif")])
def test_a_jpeg_or_tiff_that_was_cut_short_is_refused(tmp_path, form, name, share):
    levels = (np.random.default_rng(0).permuted(LEVELS) // 256).astype(np.uint8)
    content = packed(form, levels)
    with pytest.raises(SrnetError, match=r"cannot be decoded|no image"):
        read(tmp_path, content[: int(share * len(content))], name)


def test_bytes_after_a_whole_picture_do_no_harm(tmp_path):
    levels = (LEVELS // 256).astype(np.uint8)
    for form, name in (("PNG", "a.png"), ("JPEG", "a.jpg")):
        content = packed(form, levels)
        np.testing.assert_array_equal(
            read(tmp_path, content + b"appended", name).grey, read(tmp_path, content, name).grey
        )


@pytest.mark.parametrize("edge", [8193, 16384, 65535, 2**31 - 1])
def test_a_picture_that_claims_more_than_any_film_is_refused(tmp_path, edge):
    bomb = zlib.compress(bytes(1 << 22))
    with pytest.raises(SrnetError, match=r"claims .* pixels, and at most 67108864"):
        read(tmp_path, png(edge, edge, bomb))
    bitmap = bytearray(packed("BMP", (LEVELS // 256).astype(np.uint8)))
    bitmap[18:26] = struct.pack("<ii", edge, edge)
    with pytest.raises(SrnetError, match=r"claims .* pixels, and at most 67108864"):
        read(tmp_path, bytes(bitmap))


def test_a_postscript_file_is_not_run(tmp_path):
    with pytest.raises(SrnetError, match="is no image that can be read"):
        read(tmp_path, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\nshowpage\n%%EOF\n")


@pytest.mark.parametrize("stated", ["nonsense", "nan", "inf", "-1", "1e300"])
def test_a_line_integral_that_is_none_is_refused(tmp_path, stated):
    text = PngImagePlugin.PngInfo()
    text.add_text("full_scale_hu_mm", stated)
    with pytest.raises(SrnetError, match="full_scale_hu_mm is no line integral"):
        read(tmp_path, packed("PNG", pnginfo=text))


def nifti(array: np.ndarray, affine: np.ndarray | None = None, **fields) -> bytes:
    """Return a NIfTI file with this affine as sform, and header fields set as they are given."""
    image = nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine)
    content = bytearray(image.to_bytes())
    header = nibabel.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    return bytes(header.binaryblock) + bytes(content[348:])


def test_a_damaged_gzip_stream_is_refused(tmp_path):
    content = gzip.compress(nifti(LEVELS.T))
    assert read(tmp_path, content, "a.nii.gz").shape == (60, 40)
    for place in (-8, -4, len(content) // 2):
        damaged = bytearray(content)
        damaged[place] ^= 1
        with pytest.raises(SrnetError, match=r"a\.nii\.gz: cannot be read as NIfTI"):
            read(tmp_path, bytes(damaged), "a.nii.gz")
    with pytest.raises(SrnetError, match="ends too early"):
        read(tmp_path, content[:-9], "a.nii.gz")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dim": [2, 40, 59, 1, 1, 1, 1, 1]}, "holds 4800 bytes of pixels where .* claims 4720"),
        ({"dim": [2, 8, 60, 1, 1, 1, 1, 1]}, "holds 4800 bytes"),
        ({"dim": [2, 32767, 32767, 1, 1, 1, 1, 1]}, "claims 1073676289"),
        ({"dim": [2, -40, 60, 1, 1, 1, 1, 1]}, "header is damaged"),
        ({"dim": [9, 40, 60, 1, 1, 1, 1, 1]}, "cannot be decoded|damaged"),
        ({"vox_offset": 368}, "holds 4784 bytes"),
        ({"vox_offset": 10}, "header is damaged"),
        ({"vox_offset": np.nan}, "header is damaged"),
        ({"datatype": 32, "bitpix": 64}, "no single numbers"),
        ({"datatype": 128, "bitpix": 24}, "no single numbers"),
        ({"datatype": 7777}, "cannot be decoded"),
        ({"magic": b"ni1"}, "write it again as one file"),
    ],
)
def test_a_header_that_the_file_does_not_fit_is_refused(tmp_path, fields, message):
    with pytest.raises(SrnetError, match=message):
        read(tmp_path, nifti(LEVELS.T, **fields), "a.nii")


@pytest.mark.parametrize("form", ["sform", "qform"])
def test_either_form_turns_a_projection(tmp_path, form):
    affine = np.diag([1.5, 1.5, 2.0, 1.0])
    image = nibabel.Nifti1Image(LEVELS[::-1, ::-1].T[:, None], affine)
    image.set_sform(affine, int(form == "sform"))
    image.set_qform(affine, int(form == "qform"))
    film = read(tmp_path, image.to_bytes(), "a.nii")
    np.testing.assert_allclose(crop(film, place_box(film, None)), GREY, atol=1e-6)
    assert film.spacing_mm == (2.0, 1.5)
    assert film.findings == ()


def test_two_forms_that_turn_it_differently_are_refused(tmp_path):
    affine = np.diag([1.5, 1.5, 2.0, 1.0])
    image = nibabel.Nifti1Image(LEVELS.T[:, None], affine)
    image.set_sform(affine, 1)
    image.set_qform(np.diag([-1.5, -1.5, 2.0, 1.0]), 1)
    with pytest.raises(SrnetError, match="sform and its qform turn the picture differently"):
        read(tmp_path, image.to_bytes(), "a.nii")


def test_what_a_projection_does_not_state_is_said(tmp_path):
    unturned = nifti(LEVELS.T[:, None], sform_code=0, qform_code=0)
    film = read(tmp_path, unturned, "a.nii")
    assert [finding.check for finding in film.findings] == ["orientation"]
    senseless = nifti(LEVELS.T, pixdim=[1, 0, np.nan, 1, 1, 1, 1, 1])
    film = read(tmp_path, senseless, "a.nii")
    assert film.spacing_mm is None
    assert [finding.check for finding in film.findings] == ["spacing"]


def test_units_of_a_projection_are_turned_into_mm(tmp_path):
    metres = nifti(LEVELS.T, pixdim=[1, 0.0005, 0.0005, 1, 1, 1, 1, 1], xyzt_units=1)
    assert read(tmp_path, metres, "a.nii").spacing_mm == pytest.approx((0.5, 0.5))


def test_a_projection_along_the_body_is_refused(tmp_path):
    image = nibabel.Nifti1Image(
        LEVELS.T[:, None], np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
    )
    with pytest.raises(SrnetError, match="looks along the body"):
        read(tmp_path, image.to_bytes(), "a.nii")
