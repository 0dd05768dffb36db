"""Fig. 6 of the paper: the truth and every method of Table I on one test scan."""

from collections.abc import Sequence
from pathlib import Path

from srnet.config.figures import FigureSettings
from srnet.figures.canvas import save_figure, style
from srnet.figures.cases import choose_scans, put_first, read_case
from srnet.figures.comparison import comparison_page

__all__ = ["render_fig6"]


def render_fig6(
    test_h5: str | Path,
    prediction_h5s: Sequence[str | Path],
    figure: str | Path,
    settings: FigureSettings,
    level: float,
) -> None:
    """Draw one test scan as every method reconstructs it, `settings.subject` first.

    Parameters
    ----------
    test_h5
        The test set.
    prediction_h5s
        Reconstructions by the methods of Table I.
    figure
        PNG file to write.
    settings
        Scan, window and resolution.
    level
        Network value from which a voxel counts as bone: the surface shown.
    """
    ordered = put_first(prediction_h5s, settings.subject)
    scan = settings.scan or choose_scans(test_h5, ordered[0])[0]
    case = read_case(test_h5, ordered, scan)
    with style():
        title = "Fig. 6: one test scan as the methods reconstruct it"
        page = comparison_page([(f"scan {scan}", case)], title, level, settings)
        save_figure(figure, page, settings.dpi)
