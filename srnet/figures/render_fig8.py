"""Fig. 8 of the paper: the ablation of losses: IGDL3D and FFL3D."""

from collections.abc import Sequence
from pathlib import Path

from srnet.config.figures import FigureSettings
from srnet.figures.ablation import render_ablation

__all__ = ["render_fig8"]


def render_fig8(
    test_h5: str | Path,
    prediction_h5s: Sequence[str | Path],
    figure: str | Path,
    settings: FigureSettings,
    level: float,
) -> None:
    """Draw the rows of Table III beside the whole method; see `render_ablation`."""
    title = "Fig. 8: ablation of losses"
    render_ablation(test_h5, prediction_h5s, figure, settings, level, title)
