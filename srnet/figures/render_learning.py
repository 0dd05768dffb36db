"""Stage: how the methods learned: training loss and validation scores against the epoch."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from srnet.config.figures import FigureSettings
from srnet.figures.canvas import COLOURS, new_figure, save_figure, style
from srnet.tables.printed import printed_name

PANELS = {
    "loss": "Training loss",
    "validation_psnr3d": "Validation PSNR3D, dB",
    "validation_cosine": "Validation CS",
}
FEW = 40
"""Epochs up to which every point of a curve is marked."""


def render_learning(
    history_csvs: Sequence[str | Path], figure: str | Path, settings: FigureSettings
) -> None:
    """Draw the learning curves of every method into the PNG file `figure`.

    There is one `history.csv` per method, in a folder named after it.
    """
    histories = {Path(path).parent.name: pd.read_csv(path) for path in history_csvs}
    with style():
        save_figure(figure, learning_page(histories), settings.dpi)


def learning_page(histories: dict[str, pd.DataFrame]) -> Figure:
    """Return one panel for each of `PANELS`, one line for each method.

    Of methods with different loss terms only the shapes of the loss curves can be compared,
    not their values. An epoch without validation leaves no point.
    """
    page = new_figure(8.2, 2.4)
    # Fits names and ticks of any length.
    page.set_layout_engine("constrained", wspace=0.05)
    panels = page.subplots(1, len(PANELS))
    for axes, (column, title) in zip(panels, PANELS.items(), strict=True):
        _draw_panel(axes, histories, column)
        axes.set_title(title, loc="left")
        axes.set_xlabel("Epoch")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panels[0].set_yscale("log")
    handles, labels = panels[0].get_legend_handles_labels()
    page.legend(handles, labels, loc="outside right center")
    return page


def _draw_panel(axes: Axes, histories: dict[str, pd.DataFrame], column: str) -> None:
    for number, (method, history) in enumerate(histories.items()):
        colour = COLOURS[number % len(COLOURS)]
        known = history.reindex(columns=["epoch", column]).dropna().to_numpy(float)
        marker = "." if len(known) < FEW else ""
        name = printed_name(method)
        axes.plot(*known.T, color=colour, marker=marker, markersize=4, label=name)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.5)
