import numpy as np
import pytest
from PIL import Image

from srnet.core.stamp import stamped
from srnet.imaging.xray import Xray, read_xray, write_xray

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
