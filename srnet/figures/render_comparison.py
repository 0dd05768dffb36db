"""Figs 6 to 8 of the paper, and the extremes: truth and reconstructions side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from srnet.config.figures import FigureSettings
from srnet.errors import SrnetError
from srnet.evaluate.names import printed_name
from srnet.figures.canvas import save_figure, style
from srnet.figures.cases import choose_scans, put_first, rank_scans, read_case
from srnet.figures.comparison import comparison_page

__all__ = ["COMPARISONS", "Compared", "render_comparison"]


@dataclass(frozen=True)
class Compared:
    """What a page of comparisons is drawn from.

    Attributes
    ----------
    test_h5
        The test set.
    prediction_h5s
        Its reconstructions by the methods of one table.
    level
        Network value from which a voxel counts as bone: the surface shown.
    settings
        Subject, scan, window and resolution.
    """

    test_h5: str | Path
    prediction_h5s: Sequence[str | Path]
    level: float
    settings: FigureSettings

    def ordered(self) -> list[str | Path]:
        """Return the reconstructions with those of `settings.subject` first."""
        return put_first(self.prediction_h5s, self.settings.subject)


def render_comparison(name: str, compared: Compared, figure: str | Path) -> None:
    """Draw one of `COMPARISONS`.

    Parameters
    ----------
    name
        Its name.
    compared
        What it is drawn from.
    figure
        PNG file to write.

    Raises
    ------
    SrnetError
        If there is nothing to compare.
    """
    with style():
        save_figure(figure, COMPARISONS[name](compared), compared.settings.dpi)


def _one_scan(compared: Compared) -> Figure:
    """Return one test scan as every method reconstructs it."""
    ordered = compared.ordered()
    scan = compared.settings.scan or choose_scans(compared.test_h5, ordered[0])[0]
    case = read_case(compared.test_h5, ordered, scan)
    title = "Fig. 6: one test scan as the methods reconstruct it"
    return comparison_page([(f"scan {scan}", case)], title, compared.level, compared.settings)


def _ablation(compared: Compared, title: str) -> Figure:
    """Return one block for each row but the whole method: truth, whole method, that row.

    The first row that a table of ablations lists is the whole method. Each block shows
    another test scan, all of them of about median error.
    """
    whole, *ablations = compared.prediction_h5s
    if not ablations:
        raise SrnetError(
            f"{title}: one row is no comparison; list the whole method and its ablations in "
            "tables.table2 and tables.table3"
        )
    scans = choose_scans(compared.test_h5, whole, count=len(ablations))
    cases = [
        (f"scan {scan}", read_case(compared.test_h5, [whole, ablation], scan))
        for scan, ablation in zip(scans, ablations, strict=True)
    ]
    return comparison_page(cases, title, compared.level, compared.settings)


def _extremes(compared: Compared) -> Figure:
    """Return the test scans of least, median and greatest squared error of the subject."""
    subject = compared.ordered()[0]
    ranked = rank_scans(compared.test_h5, subject)
    places = {"best": 0, "median": (len(ranked) - 1) // 2, "worst": len(ranked) - 1}
    cases = [
        (f"{name}: scan {ranked[rank]}", read_case(compared.test_h5, [subject], ranked[rank]))
        for name, rank in places.items()
    ]
    method = printed_name(next(iter(cases[0][1].reconstructions)))
    title = f"Best, median and worst of {len(ranked)} test scans, {method}"
    return comparison_page(cases, title, compared.level, compared.settings)


COMPARISONS: dict[str, Callable[[Compared], Figure]] = {
    "fig6": _one_scan,
    "fig7": lambda compared: _ablation(compared, "Fig. 7: ablation of modules"),
    "fig8": lambda compared: _ablation(compared, "Fig. 8: ablation of losses"),
    "extremes": _extremes,
}
"""The pages by the names of their files."""
