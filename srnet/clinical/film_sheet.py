"""One page that shows films, the network's input, and the reconstruction (Fig. 9).

Letters are those of Fig. 9 of the paper: (a, b) the films with their marked
regions, (c, d) the network's input, (e) a 3-D view, (f-h) three slices. Below
them the DRRs of the reconstruction over the films, and what a reader must know.
Films are shown sharp only inside a marked box, and blurred elsewhere, where
names may be burnt in.
"""

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from srnet.clinical.film import Box, Film
from srnet.clinical.findings import printed
from srnet.clinical.reconstruction import Reconstruction
from srnet.config.clinical import ClinicalSettings
from srnet.figures.camera import FROM_BEHIND, fit
from srnet.figures.canvas import MUTED, new_figure
from srnet.figures.isosurface import Scene, Shot, render_surfaces
from srnet.figures.panel import AXIAL, CORONAL, LETTER, SAGITTAL, Plane, draw, letters, scale_bar
from srnet.imaging.geometry import View
from srnet.imaging.volume import Axis
from srnet.imaging.xray import Grey, resize

ROWS_SHOWN = 640
"""Rows of a film on the sheet."""
BLUR = 1 / 110
"""Width of the blur in heights of the film: no letter can be read, anatomy is still seen."""
WARNINGS_SHOWN = 7
PIXELS = (720, 560)
"""Height and width of the 3-D view."""
PROJECTED = {View.AP: CORONAL, View.LATERAL: SAGITTAL}
"""The plane that a view projects onto."""


def draw_sheet(result: Reconstruction, settings: ClinicalSettings) -> Figure:
    """Return the page; call this inside `srnet.figures.canvas.style`."""
    figure = new_figure(10.6, 11.0)
    lettered = any(finding.check == "burnt_in_text" for finding in result.findings)
    for column, (film, box) in enumerate(result.pair.films):
        _film_panel(_cell(figure, 0, column), film, box, lettered)
    for column, view in enumerate(View, start=2):
        axes, grey = _cell(figure, 0, column), result.prepared[view].grey
        pixel_mm = PROJECTED[view].pixel_mm(result.volume.grid)
        draw(axes, grey, pixel_mm, (0.0, max(1e-3, float(np.quantile(grey, 0.998)))))
        cleaned = "non-bone suppressed" if result.prepared[view].cleaned else "as given"
        axes.set_title(f"({'cd'[column - 2]}) {printed(view)} input, {cleaned}")
    _surface_panel(_cell(figure, 1, 0), result, settings)
    for column, plane in enumerate((AXIAL, SAGITTAL, CORONAL), start=1):
        _slice_panel(_cell(figure, 1, column), plane, result, "fgh"[column - 1])
    for column, view in enumerate(View):
        _overlay_panel(_cell(figure, 2, column), view, result)
    _text_panel(figure, result)
    return figure


def overlay(film: Grey, drr: Grey) -> NDArray[np.float32]:
    """Return (S, S, 3): the film in red, the DRR in cyan, grey where they agree.

    The square root brightens thin bone.
    """
    red, cyan = np.sqrt(np.clip(film, 0, 1)), np.sqrt(np.clip(drr, 0, 1))
    return np.stack([red, cyan, cyan], axis=2)


def _cell(figure: Figure, row: int, column: int) -> Axes:
    """Return axes in a grid of 4 x 3 with room for titles."""
    width, height, gap = 0.235, 0.285, 0.008
    left = 0.012 + column * (width + gap)
    bottom = 0.955 - (row + 1) * height - row * 0.03
    axes = figure.add_axes((left, bottom, width, height - 0.005))
    axes.set_anchor("N")
    return axes


def _film_panel(axes: Axes, film: Film, box: Box, lettered: bool) -> None:
    """Show a film as stored, sharp only inside a box that was marked and holds no letters."""
    from scipy.ndimage import gaussian_filter

    rows, columns = film.shape
    scale = min(1.0, ROWS_SHOWN / rows)
    grey = resize(film.grey, (round(rows * scale), max(1, round(columns * scale))))
    shown = gaussian_filter(grey, grey.shape[0] * BLUR)
    if box.given and not lettered:
        inside = tuple(
            slice(round(low * scale), round(high * scale))
            for low, high in ((box.y0, box.y1), (box.x0, box.x1))
        )
        shown[inside] = grey[inside]
    top = float(np.quantile(grey, 0.999))
    extent = (0, columns, rows, 0)
    axes.imshow(shown, cmap="gray", extent=extent, vmin=0, vmax=top, aspect=film.pixel_aspect)
    axes.add_patch(
        Rectangle((box.x0, box.y0), box.width, box.height, fill=False, edgecolor=LETTER, lw=1.5)
    )
    axes.set_axis_off()
    number = "ab"[list(View).index(film.view)]
    axes.set_title(f"({number}) {printed(film.view)} film, {columns} x {rows} pixels")


def _overlay_panel(axes: Axes, view: View, result: Reconstruction) -> None:
    height, width = PROJECTED[view].size_mm(result.volume.grid)
    both = overlay(result.prepared[view].grey, result.drrs[view])
    axes.imshow(both, extent=(0, width, height, 0))
    axes.set_axis_off()
    agreement = result.consistency[view].correlation
    axes.set_title(f"{printed(view)}: film red, own DRR cyan, r = {agreement:.2f}")


def _slice_panel(axes: Axes, plane: Plane, result: Reconstruction, letter: str) -> None:
    """Show the slice that holds the most bone; the middle one may lie beside the spine."""
    values = np.clip(result.volume.array, 0, 1)
    others = tuple(axis for axis in Axis if axis != plane.across)
    picture = plane.slice(values, int(values.sum(axis=others).argmax()))
    draw(axes, picture, plane.pixel_mm(result.volume.grid), (0.0, 0.9))
    letters(axes, plane)
    if result.scale.spacing_known:
        scale_bar(axes)
    axes.set_title(f"({letter}) {plane.name} slice")


def _surface_panel(axes: Axes, result: Reconstruction, settings: ClinicalSettings) -> None:
    """Show the bone surface from behind and the patient's left."""
    grid, values = result.volume.grid, result.volume.array
    level = settings.bone_threshold
    camera = fit(values > level, grid, FROM_BEHIND, PIXELS[1] / PIXELS[0])
    scene = Scene({"spine": values}, grid, level)
    axes.imshow(render_surfaces([Shot(scene, "spine", camera, PIXELS)])[0])
    axes.set_axis_off()
    axes.set_title("(e) surface from behind, left")


def _text_panel(figure: Figure, result: Reconstruction) -> None:
    """Write what a reader must know beside the overlays."""
    axes = figure.add_axes((0.505, 0.02, 0.485, 0.30))
    axes.set_axis_off()
    model, reference = result.model, result.model.reference.correlation_median
    spacing = " x ".join(f"{s:.2f}" for s in result.scale.grid.spacing_mm)
    size = f"{spacing} mm" if result.scale.spacing_known else "of unknown size"
    agreement = ", ".join(
        f"{printed(view)} r = {result.consistency[view].correlation:.2f}"
        + (f" (median of its test set {reference[view.value]:.2f})" if reference else "")
        for view in View
    )
    warnings = [f.sentence for f in result.findings if f.severity != "note"]
    plain = [
        f"Model {model.method}, {model.size} voxels along each edge, {size} "
        f"(manifest {model.sha256[:12]}).",
        f"Own DRRs against the input: {agreement}.",
        *warnings[:WARNINGS_SHOWN],
    ]
    title = "Research use only. Two views do not make a measurement."
    lines: list[tuple[str, dict[str, Any]]] = [(title, {"fontweight": "bold"})]
    lines += [(line, {}) for line in plain]
    if len(warnings) > WARNINGS_SHOWN:
        hidden = len(warnings) - WARNINGS_SHOWN
        lines.append((f"... and {hidden} more in spine.json", {"color": MUTED}))
    place = 1.0
    for text, how in lines:
        wrapped = textwrap.wrap(text, 92, subsequent_indent="   ")
        axes.text(0, place, "\n".join(wrapped), fontsize=6.6, va="top", **how)
        place -= 0.033 * len(wrapped) + 0.014
