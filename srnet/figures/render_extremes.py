"""The best, the usual and the worst reconstruction of a method: no case was picked by hand."""

from collections.abc import Sequence
from pathlib import Path

from srnet.config.figures import FigureSettings
from srnet.figures.canvas import save_figure, style
from srnet.figures.cases import put_first, rank_scans, read_case
from srnet.figures.comparison import comparison_page
from srnet.figures.names import printed_name

__all__ = ["render_extremes"]


def render_extremes(
    test_h5: str | Path,
    prediction_h5s: Sequence[str | Path],
    figure: str | Path,
    settings: FigureSettings,
    level: float,
) -> None:
    """Draw the test scans of least, median and greatest squared error of `settings.subject`.

    Parameters
    ----------
    test_h5
        The test set.
    prediction_h5s
        Reconstructions by the methods of Table I; only the subject's are shown.
    figure
        PNG file to write.
    settings
        Window and resolution.
    level
        Network value from which a voxel counts as bone: the surface shown.
    """
    subject = put_first(prediction_h5s, settings.subject)[0]
    ranked = rank_scans(test_h5, subject)
    places = {"best": 0, "median": (len(ranked) - 1) // 2, "worst": len(ranked) - 1}
    cases = [
        (f"{name}: scan {ranked[rank]}", read_case(test_h5, [subject], ranked[rank]))
        for name, rank in places.items()
    ]
    method = printed_name(next(iter(cases[0][1].reconstructions)))
    title = f"Best, median and worst of {len(ranked)} test scans, {method}"
    with style():
        save_figure(figure, comparison_page(cases, title, level, settings), settings.dpi)
