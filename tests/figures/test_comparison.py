import numpy as np
import pytest
from PIL import Image

from srnet.config.figures import FigureSettings
from srnet.errors import SrnetError
from srnet.figures.render_extremes import render_extremes
from srnet.figures.render_fig6 import render_fig6
from srnet.figures.render_fig7 import render_fig7

SETTINGS = FigureSettings(dpi=50)
LEVEL = 0.25


def _width(path):
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"))
    assert (grey[:, 0] == 255).all(), "the page is white"
    assert (grey < 128).mean() > 0.05, "something is drawn"
    return grey.shape[1]


def test_every_method_adds_a_column(fake_run, tmp_path):
    methods = list(fake_run.predictions.values())
    widths = []
    for count in (2, 3):
        target = tmp_path / f"{count}.png"
        render_fig6(fake_run.test, methods[-count:], target, SETTINGS, LEVEL)
        widths.append(_width(target))
    assert widths[1] - widths[0] == pytest.approx(1.36 * 50, abs=1)


def test_ablation_draws_one_block_for_each_missing_part(fake_run, tmp_path):
    target = tmp_path / "fig7.png"
    render_fig7(fake_run.test, list(fake_run.predictions.values()), target, SETTINGS, LEVEL)
    assert _width(target) == pytest.approx((0.5 + 6 * 1.36 - 0.06 + 0.3) * 50, abs=2)


def test_ablation_of_nothing_is_refused(fake_run, tmp_path):
    one = [fake_run.predictions["srnet3d"]]
    with pytest.raises(SrnetError, match=r"tables\.table2"):
        render_fig7(fake_run.test, one, tmp_path / "fig7.png", SETTINGS, LEVEL)


def test_extremes_show_three_cases_of_the_subject(fake_run, tmp_path):
    target = tmp_path / "extremes.png"
    render_extremes(fake_run.test, list(fake_run.predictions.values()), target, SETTINGS, LEVEL)
    assert _width(target) == pytest.approx((0.5 + 6 * 1.36 - 0.06 + 0.6) * 50, abs=2)
