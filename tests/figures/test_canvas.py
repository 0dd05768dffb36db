import matplotlib as mpl
import pytest
from PIL import Image

from srnet.core.stamp import stamped
from srnet.figures.canvas import INK, new_figure, save_figure, style


def fail_in_style():
    with style():
        assert mpl.rcParams["text.color"] == INK
        raise KeyError


def test_the_style_ends_with_its_block_even_after_a_failure():
    before = dict(mpl.rcParams)
    with pytest.raises(KeyError):
        fail_in_style()
    assert dict(mpl.rcParams) == before


def test_the_style_does_not_depend_on_what_was_set_before():
    with mpl.rc_context({"image.interpolation": "none", "lines.linestyle": "--"}), style():
        assert mpl.rcParams["image.interpolation"] == mpl.rcParamsDefault["image.interpolation"]
        assert mpl.rcParams["lines.linestyle"] == "-"


def test_equal_figures_are_equal_bytes_that_name_their_record(tmp_path):
    files = tmp_path / "one.png", tmp_path / "two.png"
    for file in files:
        figure = new_figure(2, 1)
        figure.text(0.5, 0.5, "text")
        with stamped("0123456789abcdef"):
            save_figure(file, figure, dpi=50)
    assert files[0].read_bytes() == files[1].read_bytes()
    with Image.open(files[0]) as picture:
        assert picture.size == (100, 50)
        assert set(picture.info) == {"dpi", "record"}, "no time, no program"
        assert picture.info["record"] == "0123456789abcdef"
