"""The arrangement of Figs 7 and 8: what becomes of a scan when one part is missing."""

from collections.abc import Sequence
from pathlib import Path

from srnet.config.figures import FigureSettings
from srnet.errors import SrnetError
from srnet.figures.canvas import save_figure, style
from srnet.figures.cases import choose_scans, put_first, read_case
from srnet.figures.comparison import comparison_page

__all__ = ["render_ablation"]


def render_ablation(
    test_h5: str | Path,
    prediction_h5s: Sequence[str | Path],
    figure: str | Path,
    settings: FigureSettings,
    level: float,
    title: str,
) -> None:
    """Draw one block for each row but the whole method: truth, whole method, that row.

    Each block shows another test scan, all of them of about median error.

    Parameters
    ----------
    test_h5
        The test set.
    prediction_h5s
        Reconstructions by the whole method, `settings.subject`, and its ablations.
    figure
        PNG file to write.
    settings
        Window and resolution.
    level
        Network value from which a voxel counts as bone: the surface shown.
    title
        Heading of the page.

    Raises
    ------
    SrnetError
        If there is nothing to compare.
    """
    if len(prediction_h5s) < 2:
        raise SrnetError(
            f"{figure}: shows {len(prediction_h5s)} rows, which is no comparison; list the whole "
            "method and its ablations in tables.table2 or tables.table3"
        )
    whole, *ablations = put_first(prediction_h5s, settings.subject)
    scans = choose_scans(test_h5, whole, count=len(ablations))
    cases = [
        (f"scan {scan}", read_case(test_h5, [whole, ablation], scan))
        for scan, ablation in zip(scans, ablations, strict=True)
    ]
    with style():
        save_figure(figure, comparison_page(cases, title, level, settings), settings.dpi)
