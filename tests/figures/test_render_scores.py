import numpy as np
import pandas as pd
import pytest

from srnet.evaluate.metrics import COLUMNS
from srnet.evaluate.scores import KEYS
from srnet.figures.render_scores import BASELINE_GREY, SHOWN, scores_page


@pytest.fixture
def scores():
    """Two rows of ten scans; the baseline has no surface to measure a distance to."""
    values = pd.DataFrame(
        np.arange(10.0)[:, None] + np.arange(len(COLUMNS)), columns=COLUMNS, index=range(10)
    )
    keys = pd.DataFrame({key: [f"{key}{n}" for n in range(10)] for key in KEYS})
    method = pd.concat([keys, values], axis=1)
    return {"all_zero": method.assign(ASSD_mm=np.nan), "srnet3d": method}


def _panel(page, metric):
    return page.axes[SHOWN.index(metric)]


def test_every_scan_is_a_point_and_the_bar_is_the_mean(scores):
    panel = _panel(scores_page(scores), "CS")
    strip = panel.collections[-1].get_offsets()
    np.testing.assert_allclose(np.sort(strip[:, 0]), np.sort(scores["srnet3d"]["CS"]))
    np.testing.assert_allclose(panel.lines[-1].get_xdata(), scores["srnet3d"]["CS"].mean())


def test_row_without_values_has_no_point(scores):
    panel = _panel(scores_page(scores), "ASSD_mm")
    assert len(panel.lines) == 1


def test_baselines_are_grey_and_the_better_direction_is_named(scores):
    page = scores_page(scores)
    panel = _panel(page, "MAE_bone")
    assert panel.collections[1].get_facecolor()[0][:3] == pytest.approx(
        [int(BASELINE_GREY[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    )
    assert panel.get_title(loc="right") == "← better"
    assert _panel(page, "Dice").get_title(loc="right") == "better →"
