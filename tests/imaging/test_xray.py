"""The PNG file of an x-ray: nothing lost, and nothing damaged read."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from srnet.core.errors import ScanRejected, SrnetError
from srnet.core.stamp import stamped
from srnet.imaging.xray import Xray, read_xray, write_xray
from tests.fixtures.mutations import count_outcomes

GREY = np.linspace(0, 1, 35, dtype=np.float32).reshape(5, 7)


def test_a_file_comes_back_to_half_a_level(tmp_path):
    write_xray(tmp_path / "ap.png", Xray(GREY, 61234.5))
    found = read_xray(tmp_path / "ap.png")
    assert found.grey == pytest.approx(GREY, abs=0.5 / 65535 + 1e-7)
    assert found.full_scale_hu_mm == 61234.5
    assert found.integral_hu_mm == pytest.approx(GREY * 61234.5, abs=1)


def test_it_is_an_ordinary_16_bit_png_row_by_row(tmp_path):
    write_xray(tmp_path / "ap.png", Xray(GREY, 1.0))
    with Image.open(tmp_path / "ap.png") as image:
        levels = np.asarray(image)
    assert levels.dtype == np.uint16
    assert levels[0, 0] == 0
    assert levels[-1, -1] == 65535
    assert levels.shape == GREY.shape


def test_equal_images_are_equal_files(tmp_path):
    for name in ("a.png", "b.png"):
        with stamped("0123456789abcdef"):
            write_xray(tmp_path / name, Xray(GREY, 2.5))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["record"] == "0123456789abcdef"


def test_values_outside_the_scale_are_clipped(tmp_path):
    write_xray(tmp_path / "a.png", Xray(np.array([[-0.1, 1.2]], np.float32), 1.0))
    assert read_xray(tmp_path / "a.png").grey.tolist() == [[0, 1]]


def test_a_tombstone_rejects_the_scan(tmp_path):
    (tmp_path / "a.png").write_text('{"rejected": "no bone", "stage": "x"}\n', encoding="utf-8")
    with pytest.raises(ScanRejected, match="no bone"):
        read_xray(tmp_path / "a.png")


def test_a_changed_bit_anywhere_and_a_cut_are_found(tmp_path):
    write_xray(tmp_path / "a.png", Xray(GREY, 61234.5))
    whole = (tmp_path / "a.png").read_bytes()
    damaged = [whole[:place] for place in range(len(whole))]
    for place in range(len(whole)):
        mutant = bytearray(whole)
        mutant[place] ^= 1 << place % 8
        damaged.append(bytes(mutant))
    for content in [*damaged, whole + b"\0", whole + whole]:
        (tmp_path / "b.png").write_bytes(content)
        with pytest.raises(SrnetError, match=r"b\.png: cannot be read as an x-ray"):
            read_xray(tmp_path / "b.png")


def _png(columns, rows, pixels, *, depth=16, scale=b"1.0"):
    """Return a PNG that claims a size, whatever it holds."""
    header = struct.pack(">IIBBBBB", columns, rows, depth, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    if scale is not None:
        chunks.insert(1, (b"tEXt", b"full_scale_hu_mm\0" + scale))
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_png(65535, 65535, b"\0" * 99), "claims 65535 x 65535 pixels"),
        (_png(2**31 - 1, 1, b"\0" * 99), "pixels, and x-rays have at most"),
        (_png(0, 3, b"\0\0\0"), "claims|cannot be read"),
        (_png(3, 3, b"\0" * 20), "does not hold the 3 x 3 pixels"),
        (_png(3, 3, b"\0" * (1 << 28)), "does not hold the 3 x 3 pixels"),
        (_png(3, 3, b"\0" * 12, depth=8), "not a 16-bit grey PNG"),
        (_png(3, 3, b"\0" * 21, scale=None), "does not state full_scale_hu_mm"),
        (_png(3, 3, b"\0" * 21, scale=b"nan"), "white stands for nan"),
        (_png(3, 3, b"\0" * 21, scale=b"-4"), "white stands for -4"),
        (_png(3, 3, b"\0" * 21, scale=b"much"), "could not convert"),
        (b"", "is no PNG"),
    ],
)
def test_what_no_stage_writes_is_refused(tmp_path, content, message):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(SrnetError, match=message):
        read_xray(tmp_path / "a.png")


def test_the_same_maker_gives_a_file_that_is_read(tmp_path):
    (tmp_path / "a.png").write_bytes(_png(3, 3, b"\0" * 21))
    assert read_xray(tmp_path / "a.png").grey.shape == (3, 3)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SrnetError, match=r"none\.png: cannot be read"):
        read_xray(tmp_path / "none.png")


def read_damaged(path):
    """Read a damaged x-ray, in the process of `count_outcomes`."""
    return read_xray(path)


@pytest.mark.slow
def test_no_damaged_x_ray_ends_in_another_error_or_takes_much_memory(tmp_path):
    path = tmp_path / "a.png"
    write_xray(path, Xray(np.tile(GREY, (9, 9)), 61234.5))
    outcomes = count_outcomes(read_damaged, path, 300)
    for bomb in (_png(65535, 65535, b"\0" * 99), _png(8192, 8192, b"\0" * (1 << 28))):
        path.write_bytes(bomb)
        outcomes += count_outcomes(read_damaged, path, 1, mutated=False)
    print("own x-ray", dict(outcomes))  # noqa: T201 - the count of each outcome
