"""Figs 6 to 8 of the paper, and the extremes: truth and reconstructions side by side.

Where reconstructions differ most from the truth, and how that is drawn.

The arrangement of Figs 6-8: truth and reconstructions in five views, and their differences.

Rows, from top: a 3-D view, the part of it inside the dashed box enlarged, an
axial, a sagittal and a coronal slice, and the difference of the last from the
truth. The dashed boxes mark where the reconstructions of a case, taken
together, are furthest from its truth; they are the same for every column.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from srnet.config.figures import FigureSettings
from srnet.core.errors import SrnetError
from srnet.figures.camera import FROM_BEHIND, Camera, draw_surface, fit, position_mm
from srnet.figures.canvas import save_figure, style
from srnet.figures.cases import (
    FigureCase,
    choose_scans,
    network_value,
    put_first,
    rank_scans,
    read_case,
)
from srnet.figures.isosurface import Scene, Shot, render_surfaces
from srnet.figures.panel import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    Plane,
    draw,
    finish_key,
    grey_key,
    letters,
    scale_bar,
)
from srnet.figures.sheet import COLUMN, Margins, Sheet, new_sheet, row_height
from srnet.imaging.target import TARGET_MAX
from srnet.tables.printed import printed_name

BOX = "#ff5a36"


def mean_difference(
    truth: NDArray[np.float32], made: Iterable[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the mean over `made` of the absolute difference from `truth`, voxel by voxel."""
    total = np.zeros_like(truth)
    count = 0
    for array in made:
        total += np.abs(array - truth)
        count += 1
    return total / np.float32(max(count, 1))


def worst_window(
    difference: NDArray[np.float32], fraction: float = 0.25
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return first index and shape of the window that holds most of `difference`.

    The window spans `fraction` of every axis and lies wholly inside the array.
    """
    shape = tuple(max(1, round(n * fraction)) for n in difference.shape)
    means = uniform_filter(difference, size=shape, mode="constant")
    # uniform_filter centres its window at index n // 2 of it.
    valid = tuple(slice(s // 2, n - (s - 1) // 2) for n, s in zip(means.shape, shape, strict=True))
    corner = np.unravel_index(int(means[valid].argmax()), means[valid].shape)
    return tuple(int(c) for c in corner), shape


def draw_box(axes: Axes, corner_mm: tuple[float, float], size_mm: tuple[float, float]) -> None:
    """Draw a dashed box; corner (down, right) from the top left, size (height, width)."""
    axes.add_patch(
        Rectangle(
            (corner_mm[1], corner_mm[0]),
            size_mm[1],
            size_mm[0],
            fill=False,
            edgecolor=BOX,
            linestyle=(0, (3, 1.5)),
            linewidth=0.9,
        )
    )


def difference_key(axes: Axes, image: AxesImage, unit: float) -> None:
    """Draw the key of a difference map; a difference of 1 stands for `unit` HU."""
    bar = axes.figure.colorbar(image, cax=axes, orientation="horizontal")
    limit = image.get_clim()[1]
    bar.set_ticks([-limit, 0, limit])
    bar.set_ticklabels([f"{value * unit:+.0f}" if value else "0" for value in (-limit, 0, limit)])
    finish_key(bar, "minus truth, HU")


ENLARGEMENT = 3.0
DIFFERENCE_HU = 800.0
MARGINS = Margins(top=0.66)
KEYS = 0.75
"""Inches that two colour bars need."""
SLICES = (AXIAL, SAGITTAL, CORONAL)
HEADS = ("3-D view", "Enlarged", "Axial", "Sagittal", "Coronal", "Coronal\ndifference")
DIFFERENCE_ROW = len(HEADS) - 1


@dataclass(frozen=True)
class _Style:
    """What all columns of a page share."""

    limits: tuple[float, float]
    level: float
    dpi: int


def comparison_page(
    cases: Sequence[tuple[str, FigureCase]], title: str, level: float, settings: FigureSettings
) -> Figure:
    """Return a page with one block of columns for each case: truth, then reconstructions.

    Parameters
    ----------
    cases
        What to show, one block each, with the heading of the block.
    title
        Heading of the page.
    level
        Network value of the surface in the 3-D views.
    settings
        Window and resolution.
    """
    heads = [head for head, _ in cases]
    blocks = [case.around_bone(level) for _, case in cases]
    low, high = settings.window_hu
    shared = _Style((network_value(low), network_value(high)), level, settings.dpi)
    columns = [len(case.volumes()) for case in blocks]
    starts = [sum(columns[:number]) for number in range(len(blocks))]
    heights = [max(row) for row in zip(*(_heights(c, level) for c in blocks), strict=True)]
    sheet = new_sheet(heights, sum(columns), breaks=starts[1:], margins=MARGINS)
    for row, row_head in enumerate(HEADS):
        sheet.row_head(row, row_head)
    for start, head, case in zip(starts, heads, blocks, strict=True):
        sheet.block_head(start, head)
        for column, column_head in enumerate(case.heads(), start):
            sheet.column_head(column, column_head)
        _draw_slices(sheet, start, case, shared)
    _draw_surfaces(sheet, starts, blocks, shared)
    sheet.title(title)
    return sheet.figure


def _heights(case: FigureCase, level: float) -> list[float]:
    """Return the heights of the rows that suit the shape of a case."""
    grid = case.truth.grid
    slices = [row_height(view.size_mm(grid)) for view in SLICES]
    seen = fit(case.truth.array > level, grid, FROM_BEHIND, aspect=1e-3)
    tall = fit(case.truth.array > level, grid, FROM_BEHIND, aspect=1e3).half_height_mm
    wide = seen.half_height_mm * 1e-3
    return [row_height((tall, wide)), COLUMN, *slices, max(slices[-1], KEYS)]


@dataclass(frozen=True)
class _Views:
    """How the 3-D views of a case are seen: as a whole, and enlarged."""

    scene: Scene
    whole: Camera
    near: Camera

    def shots(self, sheet: Sheet, dpi: int) -> list[Shot]:
        """Return what to render: every volume as a whole, then every one enlarged."""
        return [
            Shot(self.scene, name, camera, _pixels(sheet, row, dpi))
            for row, camera in enumerate((self.whole, self.near))
            for name in self.scene.volumes
        ]


def _pixels(sheet: Sheet, row: int, dpi: int) -> tuple[int, int]:
    return round(sheet.heights[row] * dpi), round(sheet.column_width * dpi)


def _views(sheet: Sheet, case: FigureCase, level: float) -> _Views:
    aspect = sheet.column_width / sheet.heights[0]
    whole = fit(case.truth.array > level, case.truth.grid, FROM_BEHIND, aspect)
    half = whole.half_height_mm / ENLARGEMENT
    # The enlarged part lies wholly in the picture, also where its centre is at the edge.
    room = whole.half_height_mm * np.array([aspect, 1.0]) - half
    place = np.clip(whole.project(np.array([_worst_spot(case)]))[0], -room, room)
    near = Camera(whole.lift(place), FROM_BEHIND, half)
    return _Views(Scene(case.volumes(), case.truth.grid, level), whole, near)


def _draw_surfaces(
    sheet: Sheet, starts: Sequence[int], cases: Sequence[FigureCase], shared: _Style
) -> None:
    """Draw the two rows of 3-D views of all cases, rendered in one go."""
    seen = [_views(sheet, case, shared.level) for case in cases]
    pictures = iter(render_surfaces([s for v in seen for s in v.shots(sheet, shared.dpi)]))
    for start, views in zip(starts, seen, strict=True):
        for row, camera in enumerate((views.whole, views.near)):
            for column in range(start, start + len(views.scene.volumes)):
                axes = sheet.cell(row, column, (sheet.heights[row], sheet.column_width))
                draw_surface(axes, next(pictures), camera)
                if row == 0:
                    _mark(axes, views, sheet.column_width / sheet.heights[0])
                if column == start:
                    scale_bar(axes, colour="black")


def _mark(axes: Axes, views: _Views, aspect: float) -> None:
    """Draw the frame of the enlarged view into the whole one."""
    right, up = views.whole.project(np.array([views.near.focus_mm]))[0]
    half, small = views.whole.half_height_mm, views.near.half_height_mm
    draw_box(axes, (half - up - small, half * aspect + right - small), (2 * small, 2 * small))


def _worst_spot(case: FigureCase) -> tuple[float, float, float]:
    """Return where the reconstructions of a case are furthest from its truth."""
    difference = mean_difference(case.truth.array, case.reconstructions.values())
    corner, shape = worst_window(difference)
    middle = [c + (n - 1) / 2 for c, n in zip(corner, shape, strict=True)]
    return position_mm(case.truth.grid, middle)


def _draw_slices(sheet: Sheet, start: int, case: FigureCase, shared: _Style) -> None:
    """Draw the rows of slices of a case and, last, the map of differences."""
    grid = case.truth.grid
    for row, view in enumerate(SLICES, start=2):
        index = view.through_bone(case.truth.array)
        pictures = [view.slice(array, index) for array in case.volumes().values()]
        corner, shape = worst_window(mean_difference(pictures[0], pictures[1:]))
        box = _in_mm(corner, view, case), _in_mm(shape, view, case)
        for number, picture in enumerate(pictures):
            axes = sheet.cell(row, start + number, view.size_mm(grid))
            image = draw(axes, picture, view.pixel_mm(grid), shared.limits)
            draw_box(axes, *box)
            if number == 0:
                letters(axes, view)
                scale_bar(axes)
    _draw_differences(sheet, start, case, image)


def _in_mm(pixels: Sequence[int], view: Plane, case: FigureCase) -> tuple[float, float]:
    row, column = view.pixel_mm(case.truth.grid)
    return pixels[0] * row, pixels[1] * column


def _draw_differences(sheet: Sheet, start: int, case: FigureCase, grey: AxesImage) -> None:
    """Draw reconstruction minus truth in the coronal slice, and the two keys."""
    grid, view = case.truth.grid, CORONAL
    index = view.through_bone(case.truth.array)
    limit = DIFFERENCE_HU / TARGET_MAX
    for number, array in enumerate(case.reconstructions.values(), start=1):
        axes = sheet.cell(DIFFERENCE_ROW, start + number, view.size_mm(grid))
        picture = view.slice(array - case.truth.array, index)
        image = draw(axes, picture, view.pixel_mm(grid), (-limit, limit), cmap="RdBu_r")
    if start > 0:
        return
    upper, lower = sheet.key_cells(DIFFERENCE_ROW, start, count=2)
    grey_key(upper, grey)
    difference_key(lower, image, TARGET_MAX)


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
