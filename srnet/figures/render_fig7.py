"""Fig. 7 of the paper: the ablation of modules: ASPP, SRCT and SRTE."""

from collections.abc import Sequence
from pathlib import Path

from srnet.config.figures import FigureSettings
from srnet.figures.ablation import render_ablation

__all__ = ["render_fig7"]


def render_fig7(
    test_h5: str | Path,
    prediction_h5s: Sequence[str | Path],
    figure: str | Path,
    settings: FigureSettings,
    level: float,
) -> None:
    """Draw the rows of Table II beside the whole method; see `render_ablation`."""
    title = "Fig. 7: ablation of modules"
    render_ablation(test_h5, prediction_h5s, figure, settings, level, title)
