"""Stage: the score of every test scan in every row of a table, not only their mean."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from srnet.config.figures import FigureSettings
from srnet.evaluate.metrics import METRICS
from srnet.evaluate.scores import read_scores
from srnet.figures.canvas import COLOURS, INK, MUTED, new_figure, save_figure, style
from srnet.tables.printed import is_baseline, printed_name

SHOWN = ("PSNR", "PSNR3D", "CS", "Dice", "MAE_bone", "ASSD_mm")
BASELINE_GREY = "#9a9a9a"
FEWEST = 8
"""Least number of scans around which the shape of their distribution is drawn."""


def render_scores(
    scores_tsvs: Sequence[str | Path], figure: str | Path, settings: FigureSettings
) -> None:
    """Draw the per-scan scores of every row of Table I into the PNG file `figure`.

    There is one file of scores per row, named after it, in the order shown.
    """
    scores = {Path(path).stem: read_scores(path) for path in scores_tsvs}
    with style():
        save_figure(figure, scores_page(scores), settings.dpi)


def scores_page(scores: Mapping[str, pd.DataFrame]) -> Figure:
    """Return one panel for each of `SHOWN`: a point per scan, a bar at the mean."""
    methods = [row for row in scores if not is_baseline(row)]
    colours = dict.fromkeys(scores, BASELINE_GREY)
    colours |= {row: COLOURS[number % len(COLOURS)] for number, row in enumerate(methods)}
    page = new_figure(7.2, 1.1 + 0.36 * len(scores))
    page.set_layout_engine("constrained", wspace=0.04, hspace=0.08)
    panels = page.subplots(2, len(SHOWN) // 2, sharey=True)
    for axes, metric in zip(panels.flat, SHOWN, strict=True):
        for place, (row, frame) in enumerate(scores.items()):
            _draw_row(axes, place, frame[metric].dropna().to_numpy(float), colours[row])
        _label(axes, metric)
    for axes in panels[:, 0]:
        axes.set_yticks(range(len(scores)), [printed_name(row) for row in scores])
        axes.set_ylim(len(scores) - 0.4, -0.6)
    return page


def _draw_row(axes: Axes, place: int, values: NDArray[np.float64], colour: str) -> None:
    """Draw the scans of one row of the table as a strip, with its violin and its mean."""
    if len(values) == 0:
        return
    if len(values) >= FEWEST and np.ptp(values) > 0:
        violin = axes.violinplot([values], [place], orientation="horizontal", showextrema=False)
        for body in np.atleast_1d(np.asarray(violin["bodies"], dtype=object)):
            body.set(facecolor=colour, alpha=0.25, linewidth=0)
    # Points are spread by a fixed pattern, so that the picture is reproducible.
    jitter = 0.16 * np.sin(np.arange(len(values)) * 2.4)
    axes.scatter(values, place + jitter, s=6, color=colour, alpha=0.8, linewidths=0)
    mean = values.mean()
    axes.plot([mean, mean], [place - 0.3, place + 0.3], color=INK, linewidth=1.2)


def _label(axes: Axes, metric: str) -> None:
    column = METRICS[metric]
    unit = f", {column.unit}" if column.unit else ""
    axes.set_title(f"{metric.replace('_mm', '').replace('_', ' ')}{unit}", loc="left")
    axes.grid(axis="x", color="#e4e4e4", linewidth=0.5)
    axes.tick_params(axis="y", length=0)
    arrow = "better \u2192" if column.better == "higher" else "\u2190 better"
    axes.set_title(arrow, loc="right", fontsize=6, color=MUTED)
    if column.unit == "mm":
        # An empty reconstruction gets the diagonal of the volume as its distance.
        axes.set_xscale("symlog", linthresh=1.0)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
