"""Stage: Figs 6 to 8 of the paper, and the extremes: ground truth and reconstructions.

Rows, from top: a 3-D view, the part of it inside the dashed box enlarged, an
axial, a sagittal and a coronal slice, and the difference of the last from the
target. The dashed boxes mark where the reconstructions of a case, taken
together, differ most from its target; they are the same for every column.
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
from srnet.figures.cases import FigureCase, choose_scans, put_first, rank_scans, read_case
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
from srnet.imaging.target import TARGET_MAX, network_value
from srnet.tables.printed import printed_name

BOX = "#ff5a36"
ENLARGEMENT = 3.0
DIFFERENCE_HU = 800.0
"""End of the colour scale of differences."""
MARGINS = Margins(top=0.66)
KEYS = 0.75
"""Inches that two colour bars need."""
SLICES = (AXIAL, SAGITTAL, CORONAL)
HEADS = ("3-D view", "Enlarged", "Axial", "Sagittal", "Coronal", "Coronal\ndifference")
DIFFERENCE_ROW = len(HEADS) - 1


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
    """Draw the page `name` of `COMPARISONS` into the PNG file `figure`.

    Raises
    ------
    SrnetError
        If there is nothing to compare.
    """
    with style():
        save_figure(figure, COMPARISONS[name](compared), compared.settings.dpi)


def comparison_page(
    cases: Sequence[tuple[str, FigureCase]], title: str, level: float, settings: FigureSettings
) -> Figure:
    """Return a page with one block of columns per case: ground truth, then reconstructions.

    Each case comes with the heading of its block; `level` is the network value of the
    surface in the 3-D views.
    """
    blocks = [case.around_bone(level) for _, case in cases]
    columns = [len(case.volumes()) for case in blocks]
    starts = [sum(columns[:number]) for number in range(len(blocks))]
    heights = [max(row) for row in zip(*(_heights(c, level) for c in blocks), strict=True)]
    sheet = new_sheet(heights, sum(columns), breaks=starts[1:], margins=MARGINS)
    low, high = settings.window_hu
    for row, row_head in enumerate(HEADS):
        sheet.row_head(row, row_head)
    for start, (head, _), case in zip(starts, cases, blocks, strict=True):
        sheet.block_head(start, head)
        for column, column_head in enumerate(case.heads(), start):
            sheet.column_head(column, column_head)
        _draw_slices(sheet, start, case, (network_value(low), network_value(high)))
    _draw_surfaces(sheet, starts, blocks, level, settings.dpi)
    sheet.title(title)
    return sheet.figure


def mean_difference(
    target: NDArray[np.float32], reconstructions: Iterable[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the mean over `reconstructions` of the absolute difference from `target`."""
    total = np.zeros_like(target)
    count = 0
    for array in reconstructions:
        total += np.abs(array - target)
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


def _heights(case: FigureCase, level: float) -> list[float]:
    """Return the heights of the rows that suit the shape of a case."""
    grid = case.target.grid
    slices = [row_height(plane.size_mm(grid)) for plane in SLICES]
    bone = case.target.array > level
    wide = fit(bone, grid, FROM_BEHIND, aspect=1e-3).half_height_mm * 1e-3
    tall = fit(bone, grid, FROM_BEHIND, aspect=1e3).half_height_mm
    return [row_height((tall, wide)), COLUMN, *slices, max(slices[-1], KEYS)]


def _draw_surfaces(
    sheet: Sheet, starts: Sequence[int], cases: Sequence[FigureCase], level: float, dpi: int
) -> None:
    """Draw the two rows of 3-D views of all cases, rendered in one go."""
    aspect = sheet.column_width / sheet.heights[0]
    scenes = [Scene(case.volumes(), case.target.grid, level) for case in cases]
    cameras = [_cameras(case, level, aspect) for case in cases]
    pixels = [(round(high * dpi), round(sheet.column_width * dpi)) for high in sheet.heights[:2]]
    shots = [
        Shot(scene, name, camera, size)
        for scene, pair in zip(scenes, cameras, strict=True)
        for camera, size in zip(pair, pixels, strict=True)
        for name in scene.volumes
    ]
    pictures = iter(render_surfaces(shots))
    for start, scene, (whole, near) in zip(starts, scenes, cameras, strict=True):
        for row, camera in enumerate((whole, near)):
            for column in range(start, start + len(scene.volumes)):
                axes = sheet.cell(row, column, (sheet.heights[row], sheet.column_width))
                draw_surface(axes, next(pictures), camera)
                if row == 0:
                    right, up = whole.project(np.array([near.focus_mm]))[0]
                    half, small = whole.half_height_mm, near.half_height_mm
                    corner = half - up - small, half * aspect + right - small
                    _draw_box(axes, corner, (2 * small, 2 * small))
                if column == start:
                    scale_bar(axes, colour="black")


def _cameras(case: FigureCase, level: float, aspect: float) -> tuple[Camera, Camera]:
    """Return the view of a case as a whole, and of where its reconstructions differ most."""
    grid = case.target.grid
    whole = fit(case.target.array > level, grid, FROM_BEHIND, aspect)
    half = whole.half_height_mm / ENLARGEMENT
    difference = mean_difference(case.target.array, case.reconstructions.values())
    corner, shape = worst_window(difference)
    worst = position_mm(grid, [c + (n - 1) / 2 for c, n in zip(corner, shape, strict=True)])
    # The enlarged part lies wholly in the picture, also where its centre is at the edge.
    room = whole.half_height_mm * np.array([aspect, 1.0]) - half
    place = np.clip(whole.project(np.array([worst]))[0], -room, room)
    return whole, Camera(whole.lift(place), FROM_BEHIND, half)


def _draw_slices(sheet: Sheet, start: int, case: FigureCase, limits: tuple[float, float]) -> None:
    """Draw the rows of slices of a case and, last, the map of differences."""
    grid = case.target.grid
    for row, plane in enumerate(SLICES, start=2):
        index = plane.through_bone(case.target.array)
        pictures = [plane.slice(array, index) for array in case.volumes().values()]
        pixel_mm = plane.pixel_mm(grid)
        corner, size = (
            (pixels[0] * pixel_mm[0], pixels[1] * pixel_mm[1])
            for pixels in worst_window(mean_difference(pictures[0], pictures[1:]))
        )
        for number, picture in enumerate(pictures):
            axes = sheet.cell(row, start + number, plane.size_mm(grid))
            image = draw(axes, picture, pixel_mm, limits)
            _draw_box(axes, corner, size)
            if number == 0:
                letters(axes, plane)
                scale_bar(axes)
    _draw_differences(sheet, start, case, CORONAL, image)


def _draw_differences(
    sheet: Sheet, start: int, case: FigureCase, plane: Plane, grey: AxesImage
) -> None:
    """Draw reconstruction minus target in a slice, and under the first head the two keys."""
    grid, target = case.target.grid, case.target.array
    index = plane.through_bone(target)
    limit = DIFFERENCE_HU / TARGET_MAX
    for number, array in enumerate(case.reconstructions.values(), start=1):
        axes = sheet.cell(DIFFERENCE_ROW, start + number, plane.size_mm(grid))
        picture = plane.slice(array - target, index)
        image = draw(axes, picture, plane.pixel_mm(grid), (-limit, limit), cmap="RdBu_r")
    if start > 0:
        return
    upper, lower = sheet.key_cells(DIFFERENCE_ROW, start, count=2)
    grey_key(upper, grey)
    bar = lower.figure.colorbar(image, cax=lower, orientation="horizontal")
    bar.set_ticks([-limit, 0, limit])
    bar.set_ticklabels([f"{-DIFFERENCE_HU:+.0f}", "0", f"{DIFFERENCE_HU:+.0f}"])
    finish_key(bar, "minus truth, HU")


def _draw_box(axes: Axes, corner_mm: tuple[float, float], size_mm: tuple[float, float]) -> None:
    """Draw a dashed box; corner (down, right) from the top left, size (height, width)."""
    axes.add_patch(
        Rectangle(
            corner_mm[::-1],
            size_mm[1],
            size_mm[0],
            fill=False,
            edgecolor=BOX,
            linestyle=(0, (3, 1.5)),
            linewidth=0.9,
        )
    )


def _one_scan(compared: Compared) -> Figure:
    """Return one test scan as every method reconstructs it."""
    ordered = compared.ordered()
    scan = compared.settings.scan or choose_scans(compared.test_h5, ordered[0])[0]
    case = read_case(compared.test_h5, ordered, scan)
    title = "Fig. 6: one test scan as the methods reconstruct it"
    return comparison_page([(f"scan {scan}", case)], title, compared.level, compared.settings)


def _ablation(compared: Compared, title: str) -> Figure:
    """Return one block for each ablation: ground truth, whole method, that ablation.

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
