"""Damaged films by the hundred: each is read or refused, quickly and in little memory."""

import functools
import gzip
import io
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from srnet.clinical.film import Film, crop, place_box, read_film
from srnet.imaging.geometry import View
from tests.fixtures.films import film_dataset, lossless_jpeg
from tests.fixtures.mutations import count_outcomes

COPIES = 100
LEVELS = (np.add.outer(np.arange(64) * 50, np.arange(48) ** 2 // 3)).astype(np.uint16)
BYTES = (LEVELS // 16).astype(np.uint8)

pytestmark = pytest.mark.slow


def read(path: Path) -> Film:
    film = read_film(path, View.AP)
    crop(film, place_box(film, None))
    assert np.isfinite(film.grey).all()
    assert 0 <= film.grey.min() <= film.grey.max() <= 1
    return film


def read_checked(path: Path) -> None:
    """Read a film whose format has checksums: it is what it was, or refused."""
    film = read(path)
    grey = crop(film, place_box(film, None))
    np.testing.assert_allclose(grey / grey.max(), LEVELS / LEVELS.max(), atol=1e-4)


def _picture(form: str, levels: np.ndarray, **how) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, format=form, **how)
    return stream.getvalue()


def _dicom(syntax: str = "", levels: np.ndarray = LEVELS, **tags) -> bytes:
    bits = 12 if levels.itemsize == 2 else 8
    frames = [lossless_jpeg(levels, bits)] if syntax == "lossless" else None
    if syntax == "jpeg":
        frames = [_picture("JPEG", levels)]
    film = film_dataset(
        levels,
        bits,
        frames,
        PatientOrientation=["L", "F"],
        PixelSpacing=[0.5, 0.5],
        WindowCenter=2048,
        WindowWidth=4096,
        PixelPaddingValue=0,
        ViewPosition="AP",
        **tags,
    )
    if syntax == "jpeg":
        film.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    elif syntax == "rle":
        film.compress(RLELossless)
    elif syntax == "deflated":
        film.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    stream = io.BytesIO()
    film.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _nifti(**fields) -> bytes:
    image = nibabel.Nifti1Image(LEVELS[::-1, ::-1].T[:, None], np.diag([1.0, 1.0, 1.0, 1.0]))
    content: bytes = image.to_bytes()
    header = nibabel.Nifti1Header(content[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    return bytes(header.binaryblock) + content[348:]


def _zeros(packer, head: bytes, megabytes: int) -> bytes:
    """Return a stream of this beginning and then of nothing but zeros."""
    block = bytes(1 << 20)
    packed = packer.compress(head) + b"".join(packer.compress(block) for _ in range(megabytes))
    return bytes(packed + packer.flush())


FILMS: dict[str, Callable[[], bytes]] = {
    "film.png": functools.partial(_picture, "PNG", LEVELS),
    "8-bit.png": functools.partial(_picture, "PNG", BYTES),
    "film.jpg": functools.partial(_picture, "JPEG", BYTES),
    "film.tif": functools.partial(_picture, "TIFF", LEVELS),
    "lzw.tif": functools.partial(_picture, "TIFF", LEVELS, compression="tiff_lzw"),
    "film.dcm": _dicom,
    "lossless.dcm": functools.partial(_dicom, "lossless"),
    "rle.dcm": functools.partial(_dicom, "rle"),
    "jpeg.dcm": functools.partial(_dicom, "jpeg", BYTES),
    "deflated.dcm": functools.partial(_dicom, "deflated"),
    "film.nii": _nifti,
    "film.nii.gz": lambda: gzip.compress(_nifti(), mtime=0),
}
CHECKED = ("film.png", "film.nii.gz")
"""Files of which no damage may go unnoticed."""


@pytest.mark.parametrize("name", FILMS)
def test_a_damaged_film_is_read_or_refused(tmp_path, name, capsys):
    (tmp_path / name).write_bytes(FILMS[name]())
    reader = read_checked if name in CHECKED else read
    assert count_outcomes(reader, tmp_path / name, 1, mutated=False) == Counter(read=1)
    outcomes = count_outcomes(reader, tmp_path / name, COPIES)
    with capsys.disabled():
        print(f"\n{name}: {dict(sorted(outcomes.items()))}")  # noqa: T201 - the figures to see
    assert outcomes.total() == COPIES
    assert outcomes["refused"] > 0


def _png(edge: int, megabytes: int) -> bytes:
    content = _picture("PNG", LEVELS)
    at = content.index(b"IDAT") - 4
    pixels = _zeros(zlib.compressobj(9), b"", megabytes)
    head = b"IHDR" + edge.to_bytes(4, "big") * 2 + content[24:29]
    chunks = b"".join(
        (len(data) - 4).to_bytes(4, "big") + data + zlib.crc32(data).to_bytes(4, "big")
        for data in (head, b"IDAT" + pixels, b"IEND")
    )
    return content[:8] + chunks if at else b""


def _large_tiff() -> bytes:
    """Return a TIFF whose tags of width and height claim 65535."""
    content = _picture("TIFF", LEVELS)
    for tag in (256, 257):
        at = content.index(struct.pack("<HHI", tag, 4, 1)) + 8
        content = content[:at] + struct.pack("<I", 65535) + content[at + 4 :]
    return content


HUGE: dict[str, Callable[[], bytes]] = {
    "claim.png": lambda: _png(65535, 1),
    "bomb.png": lambda: _png(48, 1200),
    "claim.tif": lambda: _large_tiff(),
    "claim.dcm": lambda: _dicom(Rows=65535, Columns=65535),
    "claim-lossless.dcm": lambda: _dicom("lossless", Rows=65535, Columns=65535),
    "claim-rle.dcm": lambda: _dicom("lossless", Rows=8192, Columns=8192),
    "claim-frames.dcm": lambda: _dicom(NumberOfFrames=2**31 - 1),
    "bomb.dcm": lambda: _deflated_bomb(),
    "claim.nii": lambda: _nifti(dim=[3, 32767, 1, 32767, 1, 1, 1, 1]),
    "claim.nii.gz": lambda: gzip.compress(_nifti(dim=[3, 32767, 1, 32767, 1, 1, 1, 1])),
    "bomb.nii.gz": lambda: _zeros(zlib.compressobj(9, zlib.DEFLATED, 31), _nifti(), 700),
}


def _deflated_bomb() -> bytes:
    content = _dicom("deflated")
    start = 128 + 4 + 12 + int.from_bytes(content[140:144], "little")
    return content[:start] + _zeros(zlib.compressobj(9, zlib.DEFLATED, -15), b"", 1200)


@pytest.mark.parametrize("name", HUGE)
def test_a_film_that_claims_more_than_it_holds_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(HUGE[name]())
    outcomes = count_outcomes(read, tmp_path / name, 1, mutated=False)
    assert outcomes == Counter(refused=1)
