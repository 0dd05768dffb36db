"""The common style of all figures, and their reproducible PNG files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from srnet.core.atomic import atomic_path
from srnet.core.stamp import record_id

INK = "#1a1a1a"
MUTED = "#6b6b6b"
COLOURS = ("#4477aa", "#ee6677", "#228833", "#aa7f00", "#66ccee", "#aa3377", "#777777", "#ee7733")
"""For lines and points; people who do not see red from green can tell them apart."""

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw everything inside the block in the one style of all figures."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` x `height` inches, independent of any display."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def save_figure(path: str | Path, figure: Figure, dpi: int) -> None:
    """Write `figure` to a PNG with the record id and without any time stamp."""
    text = {"Software": None, "record": record_id()}
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", dpi=dpi, metadata=text)
