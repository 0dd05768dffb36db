import numpy as np
import pandas as pd
import pytest

from srnet.config.figures import FigureSettings
from srnet.figures.render_learning import PANELS, learning_page, render_learning


@pytest.fixture
def history():
    """Four epochs, validated every other one."""
    return pd.DataFrame(
        {
            "epoch": [1, 2, 3, 4],
            "loss": [1.0, 0.5, 0.3, 0.2],
            "validation_psnr3d": [np.nan, 20.0, np.nan, 22.0],
            "validation_cosine": [np.nan, 0.5, np.nan, 0.6],
        }
    )


def test_unvalidated_epochs_leave_no_point(history):
    page = learning_page({"x2ct": history})
    counts = [np.size(axes.lines[0].get_xdata()) for axes in page.axes]
    assert counts == [4, 2, 2]


def test_missing_column_leaves_an_empty_line_in_the_legend(history):
    page = learning_page({"x2ct": history, "psr": history[["epoch", "loss"]]})
    assert [len(axes.lines) for axes in page.axes] == [2] * len(PANELS)
    assert [text.get_text() for text in page.legends[0].get_texts()] == ["X2CT", "PSR"]


def test_methods_are_named_after_their_folders(history, tmp_path):
    for method in ("a", "b"):
        (tmp_path / method).mkdir()
        history.to_csv(tmp_path / method / "history.csv", index=False)
    target = tmp_path / "learning.png"
    paths = [tmp_path / method / "history.csv" for method in ("a", "b")]
    render_learning(paths, target, FigureSettings(dpi=50))
    assert target.read_bytes().startswith(b"\x89PNG")
