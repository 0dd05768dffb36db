"""Stage: ground truth and every method in one picture: two projections and a slice."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from srnet.config.figures import FigureSettings
from srnet.figures.canvas import save_figure, style
from srnet.figures.cases import FigureCase, choose_scans, put_first, read_case
from srnet.figures.panel import CORONAL, SAGITTAL, Plane, draw, grey_key, letters, scale_bar
from srnet.figures.sheet import Sheet, column_width, new_sheet, row_height
from srnet.imaging.target import network_value

Picture = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def render_overview(
    test_h5: str | Path,
    prediction_h5s: Sequence[str | Path],
    figure: str | Path,
    settings: FigureSettings,
) -> None:
    """Draw the target beside all reconstructions of one test scan into the PNG file `figure`.

    Rows: coronal and sagittal maximum intensity projection, and the sagittal
    slice through the centre of the bone. The first column holds the two input x-rays, the
    others the target and `prediction_h5s` in their order. All volumes share one window.
    """
    subject = put_first(prediction_h5s, settings.subject)[0]
    scan = settings.scan or choose_scans(test_h5, subject)[0]
    case = read_case(test_h5, prediction_h5s, scan)
    low, high = settings.window_hu
    with style():
        page = _page(case, (network_value(low), network_value(high)))
        save_figure(figure, page, settings.dpi)


def _page(case: FigureCase, limits: tuple[float, float]) -> Figure:
    volumes, grid = case.volumes(), case.target.grid
    middle = SAGITTAL.through_bone(case.target.array)
    rows: list[tuple[str, Plane, Picture]] = [
        ("Coronal\nMIP", CORONAL, CORONAL.mip),
        ("Sagittal\nMIP", SAGITTAL, SAGITTAL.mip),
        ("Sagittal\nslice", SAGITTAL, lambda array: SAGITTAL.slice(array, middle)),
    ]
    sizes = [plane.size_mm(grid) for _, plane, _ in rows]
    width = column_width(sizes)
    sheet = new_sheet([row_height(size, width) for size in sizes], len(volumes) + 1, width)
    for number, (title, plane, picture) in enumerate(rows):
        sheet.row_head(number, title)
        for column, array in enumerate(volumes.values(), start=1):
            axes = sheet.cell(number, column, plane.size_mm(grid))
            image = draw(axes, picture(array), plane.pixel_mm(grid), limits)
            if column == 1:
                letters(axes, plane)
                scale_bar(axes)
    for column, head in enumerate(["Input x-rays", *case.heads()]):
        sheet.column_head(column, head)
    _draw_inputs(sheet, case)
    grey_key(sheet.key_cells(2, 0, count=1)[0], image)
    sheet.title(f"Test scan {case.scan}: truth and reconstructions, one window for all")
    return sheet.figure


def _draw_inputs(sheet: Sheet, case: FigureCase) -> None:
    """Draw the x-rays where they line up with the projections along the same axis."""
    for row, (plane, xray) in enumerate([(CORONAL, case.ap), (SAGITTAL, case.lateral)]):
        axes = sheet.cell(row, 0, plane.size_mm(case.target.grid))
        draw(axes, xray, plane.pixel_mm(case.target.grid), (0.0, 1.0))
        letters(axes, plane)
