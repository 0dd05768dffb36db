"""Stage: Fig. 5 of the paper: a CT before and after the separation of bone."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from srnet.acquire.acquire import acquire
from srnet.acquire.scan import Scan
from srnet.config.figures import FigureSettings
from srnet.config.prepare import BoneSettings
from srnet.core.errors import ScanRejected
from srnet.figures.camera import FROM_BEHIND, draw_surface, fit
from srnet.figures.canvas import new_figure, save_figure, style
from srnet.figures.isosurface import Scene, Shot, render_surfaces
from srnet.figures.panel import AXIAL, CORONAL, SAGITTAL, draw, letters, scale_bar
from srnet.figures.sheet import Sheet, new_sheet, row_height
from srnet.imaging.volume import Grid, Volume
from srnet.prepare.separate_bone import BoneSeparation, separate_bone

SKIN_HU = -300.0
WINDOW_HU = (-200.0, 1000.0)
FINEST = 160
"""Voxels along the longest axis to which 3-D views of a whole scan are thinned."""
PLANES = (AXIAL, SAGITTAL, CORONAL)
COLUMN = 1.7


def render_fig5(
    scan: Scan, seed: int, bone: BoneSettings, figure: str | Path, settings: FigureSettings
) -> None:
    """Draw a scan before and after the separation of bone into the PNG file `figure`.

    Both volumes are computed anew from the scan and the seed of the run: the run's own are
    temporary files, and to ask for them would make their rules run again. For a rejected scan
    the figure shows the reason.
    """
    with style():
        try:
            ct = acquire(scan, seed)
            page = separation_page(scan.scan_id, ct, separate_bone(ct, bone), settings.dpi)
        except ScanRejected as rejection:
            page = new_figure(6.0, 1.0)
            text = (
                f"Fig. 5 has nothing to show: {rejection}.\n"
                "Set figures.separation_scan to another."
            )
            page.text(0.02, 0.5, text, va="center", wrap=True)
        save_figure(figure, page, settings.dpi)


def separation_page(scan_id: str, ct: Volume, separated: BoneSeparation, dpi: int) -> Figure:
    """Return the page: 3-D view, axial, sagittal and coronal slice, before and after.

    `ct` is in HU; `dpi` is the resolution of the 3-D views.
    """
    grid, bone = ct.grid, separated.volume.array
    mask = np.asarray(bone > separated.threshold_hu)
    indices = [plane.through_bone(mask.astype(np.float32)) for plane in PLANES]
    sizes = [plane.size_mm(grid) for plane in PLANES]
    height = max(row_height(size, COLUMN) for size in sizes)
    sheet = new_sheet([height, height], columns=1 + len(PLANES), column_width=COLUMN)
    for column, head in enumerate(["3-D view", *(plane.name for plane in PLANES)]):
        sheet.column_head(column, head)
    for row, (head, array) in enumerate([("(a) CT", ct.array), ("(b) Bone", bone)]):
        sheet.row_head(row, head)
        _draw_slices(sheet, row, array.astype(np.float32), indices, grid)
    levels = (SKIN_HU, separated.threshold_hu)
    _draw_surfaces(sheet, (ct, separated.volume), levels, mask, dpi)
    centres = ", ".join(f"{centre:.0f}" for centre in separated.centres_hu)
    sheet.title(
        f"Fig. 5: bone separation of {scan_id}; cluster centres {centres} HU, "
        f"bone above {separated.threshold_hu:.0f} HU, {separated.bone_ml:.0f} ml"
    )
    return sheet.figure


def _draw_slices(
    sheet: Sheet, row: int, array: NDArray[np.float32], indices: Sequence[int], grid: Grid
) -> None:
    for column, (plane, index) in enumerate(zip(PLANES, indices, strict=True), start=1):
        axes = sheet.cell(row, column, plane.size_mm(grid))
        draw(axes, plane.slice(array, index), plane.pixel_mm(grid), WINDOW_HU)
        letters(axes, plane)
        if row == 0:
            scale_bar(axes)


def _draw_surfaces(
    sheet: Sheet,
    volumes: tuple[Volume, Volume],
    levels: tuple[float, float],
    mask: NDArray[np.bool_],
    dpi: int,
) -> None:
    """Draw the skin of the scan and the surface of its bone, seen alike."""
    size = sheet.heights[0], sheet.column_width
    pixels = round(size[0] * dpi), round(size[1] * dpi)
    step = max(1, ceil(max(mask.shape) / FINEST))
    # The air around closes both surfaces at the border of the scan.
    shapes = [np.asarray(volume.array, np.float32)[::step, ::step, ::step] for volume in volumes]
    down, back, left = (mm * step for mm in volumes[0].grid.spacing_mm)
    coarse = Grid(shapes[0].shape, (down, back, left), (0.0, 0.0, 0.0))
    body = shapes[0] > SKIN_HU
    camera = fit(body, coarse, FROM_BEHIND, aspect=size[1] / size[0])
    scenes = [
        Scene({"scan": array - array.min()}, coarse, float(level - array.min()))
        for array, level in zip(shapes, levels, strict=True)
    ]
    pictures = render_surfaces([Shot(scene, "scan", camera, pixels) for scene in scenes])
    for row, picture in enumerate(pictures):
        axes = sheet.cell(row, 0, size)
        draw_surface(axes, picture, camera)
        scale_bar(axes, colour="black")
