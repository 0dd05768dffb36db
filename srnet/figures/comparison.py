"""The arrangement of Figs 6-8: truth and reconstructions in five views, and their differences.

Rows, from top: a 3-D view, the part of it inside the dashed box enlarged, an
axial, a sagittal and a coronal slice, and the difference of the last from the
truth. The dashed boxes mark where the reconstructions of a case, taken
together, are furthest from its truth; they are the same for every column.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from srnet.config.figures import FigureSettings
from srnet.figures.camera import FROM_BEHIND, Camera, fit, position_mm
from srnet.figures.cases import Case, network_value
from srnet.figures.difference import difference_key, draw_box, mean_difference, worst_window
from srnet.figures.isosurface import Scene, Shot, render_surfaces
from srnet.figures.panel import AXIAL, CORONAL, SAGITTAL, View, draw, grey_key, letters, scale_bar
from srnet.figures.sheet import COLUMN, Margins, Sheet, new_sheet, row_height
from srnet.figures.surface import draw_surface
from srnet.target import TARGET_MAX

__all__ = ["comparison_page"]

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
    cases: Sequence[tuple[str, Case]], title: str, level: float, settings: FigureSettings
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


def _heights(case: Case, level: float) -> list[float]:
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


def _views(sheet: Sheet, case: Case, level: float) -> _Views:
    aspect = sheet.column_width / sheet.heights[0]
    whole = fit(case.truth.array > level, case.truth.grid, FROM_BEHIND, aspect)
    half = whole.half_height_mm / ENLARGEMENT
    # The enlarged part lies wholly in the picture, also where its centre is at the edge.
    room = whole.half_height_mm * np.array([aspect, 1.0]) - half
    place = np.clip(whole.project(np.array([_worst_spot(case)]))[0], -room, room)
    near = Camera(whole.lift(place), FROM_BEHIND, half)
    return _Views(Scene(case.volumes(), case.truth.grid, level), whole, near)


def _draw_surfaces(
    sheet: Sheet, starts: Sequence[int], cases: Sequence[Case], shared: _Style
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


def _worst_spot(case: Case) -> tuple[float, float, float]:
    """Return where the reconstructions of a case are furthest from its truth."""
    difference = mean_difference(case.truth.array, case.reconstructions.values())
    corner, shape = worst_window(difference)
    middle = [c + (n - 1) / 2 for c, n in zip(corner, shape, strict=True)]
    return position_mm(case.truth.grid, middle)


def _draw_slices(sheet: Sheet, start: int, case: Case, shared: _Style) -> None:
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


def _in_mm(pixels: Sequence[int], view: View, case: Case) -> tuple[float, float]:
    row, column = view.pixel_mm(case.truth.grid)
    return pixels[0] * row, pixels[1] * column


def _draw_differences(sheet: Sheet, start: int, case: Case, grey: AxesImage) -> None:
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
