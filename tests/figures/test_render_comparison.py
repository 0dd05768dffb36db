import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from srnet.config.figures import FigureSettings
from srnet.core.errors import SrnetError
from srnet.figures import render_comparison as module
from srnet.figures.render_comparison import (
    Compared,
    mean_difference,
    render_comparison,
    worst_window,
)

SETTINGS = FigureSettings(dpi=50)


def _width(run, rows, name, folder):
    """Return the width in pixels of a page of the last `rows` rows, which is not empty."""
    target = folder / f"{name}{rows}.png"
    predictions = list(run.predictions.values())[-rows:]
    render_comparison(name, Compared(run.test, predictions, 0.25, SETTINGS), target)
    with Image.open(target) as image:
        grey = np.asarray(image.convert("L"))
    assert (grey[:, 0] == 255).all(), "the page is white"
    assert (grey < 128).mean() > 0.05, "something is drawn"
    return grey.shape[1]


def test_every_method_adds_a_column(fake_run, tmp_path):
    widths = [_width(fake_run, rows, "fig6", tmp_path) for rows in (2, 3)]
    assert widths[1] - widths[0] == pytest.approx(1.36 * 50, abs=1)


@pytest.mark.parametrize("name", ["fig7", "fig8"])
def test_ablation_draws_one_block_for_each_missing_part(fake_run, tmp_path, name):
    width = _width(fake_run, 3, name, tmp_path)
    assert width == pytest.approx((0.5 + 6 * 1.36 - 0.06 + 0.3) * 50, abs=2)


def test_the_first_row_listed_is_the_whole_method_whatever_the_subject(fake_run, monkeypatch):
    whole, *ablations = fake_run.predictions
    shown: list[list[str]] = []
    monkeypatch.setattr(
        module,
        "comparison_page",
        lambda cases, *_: shown.extend(list(case.reconstructions) for _, case in cases),
    )
    settings = FigureSettings(subject=ablations[-1])
    compared = Compared(fake_run.test, list(fake_run.predictions.values()), 0.25, settings)
    module.COMPARISONS["fig8"](compared)
    assert shown == [[whole, ablation] for ablation in ablations]


def test_a_table_without_ablations_is_refused(fake_run, tmp_path):
    with pytest.raises(SrnetError, match=r"tables\.table2"):
        _width(fake_run, 1, "fig7", tmp_path)


def test_extremes_show_three_cases_of_the_subject(fake_run, tmp_path):
    width = _width(fake_run, 3, "extremes", tmp_path)
    assert width == pytest.approx((0.5 + 6 * 1.36 - 0.06 + 0.6) * 50, abs=2)


@given(st.tuples(st.integers(4, 12), st.integers(4, 12), st.integers(4, 12)), st.data())
def test_window_holds_the_only_difference_and_lies_inside(shape, data):
    place = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    difference = np.zeros(shape, np.float32)
    difference[place] = 1
    corner, size = worst_window(difference, fraction=0.5)
    for n, first, width, point in zip(shape, corner, size, place, strict=True):
        assert 0 <= first <= point < first + width <= n


def test_mean_difference_ignores_the_sign():
    target = np.full((2, 2, 2), 0.5, np.float32)
    assert mean_difference(target, [target + 0.2, target - 0.4]) == pytest.approx(np.float32(0.3))
