"""Volumes side by side in a browser: slices, 3-D view and one crosshair for all."""

import base64
import html
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from srnet.config.figures import FigureSettings
from srnet.figures.cases import hounsfield
from srnet.figures.niivue import niivue_module
from srnet.figures.panel import AXIAL, CORONAL, SAGITTAL
from srnet.figures.viewer_script import VIEWER_SCRIPT, VIEWER_STYLE
from srnet.page import html_page
from srnet.volume import Volume, write_volume

__all__ = ["VIEWER_STYLE", "viewer_block", "viewer_html"]

_AXES = ("left to right", "posterior to anterior", "inferior to superior")
_HELP = (
    "Click or drag in a slice, scroll over it, or use the sliders; drag the 3-D view to turn it. "
    "Patient right is on the left of the picture. Values are HU inside bone, -1024 outside."
)


def viewer_html(
    volumes: Sequence[tuple[str, Volume]],
    title: str = "Reconstructed spine",
    foreword: str = "",
    window_hu: tuple[float, float] | None = None,
    surfaces: Sequence[tuple[str, bytes]] = (),
) -> str:
    """Return a self-contained page that shows `volumes` side by side.

    The page carries viewer and data in itself and asks no server for anything.

    Parameters
    ----------
    volumes
        Title and volume in network values, one or more.
    title
        Heading of the page, plain text.
    foreword
        HTML between the heading and the viewer.
    window_hu
        HU shown black and white; unset, as in the figures.
    surfaces
        Title and mesh as an MZ3 file in mm, RAS; each gets a 3-D view beside the volumes.
    """
    body = foreword + viewer_block(volumes, window_hu, surfaces)
    return html_page(title, body, VIEWER_STYLE)


def viewer_block(
    volumes: Sequence[tuple[str, Volume]],
    window_hu: tuple[float, float] | None = None,
    surfaces: Sequence[tuple[str, bytes]] = (),
) -> str:
    """Return the viewer as a part of a page, at most one to a page.

    The page has to include `VIEWER_STYLE`.
    """
    low, high = window_hu or FigureSettings().window_hu
    window = f'data-window="{low:g} {high:g}"'
    cells = [
        *(_cell(name, f'data-volume="volume{n}" {window}') for n, (name, _) in enumerate(volumes)),
        *(_cell(name, f'data-surface="surface{n}"') for n, (name, _) in enumerate(surfaces)),
    ]
    data = [
        *(_data(f"volume{n}", _encode(volume)) for n, (_, volume) in enumerate(volumes)),
        *(_data(f"surface{n}", mesh) for n, (_, mesh) in enumerate(surfaces)),
    ]
    sliders = [
        f'<label for="slider{number}">{name}</label><input type="range" id="slider{number}" '
        f'min="0" max="1" step="0.002" value="{start:.3f}">'
        for number, (name, start) in enumerate(zip(_AXES, _start(volumes[0][1]), strict=True))
    ]
    return "\n".join(
        [
            '<div class="viewers">',
            *cells,
            "</div>",
            '<div class="sliders">',
            *sliders,
            "</div>",
            f'<p class="muted viewers-note">{_HELP}</p>',
            *data,
            f'<script type="module">{niivue_module(VIEWER_SCRIPT)}</script>',
        ]
    )


def _cell(name: str, attributes: str) -> str:
    return (
        f"<figure><figcaption><span>{html.escape(name)}</span><output></output></figcaption>"
        f'<div class="canvas"><canvas tabindex="0" {attributes}></canvas></div></figure>'
    )


def _data(name: str, content: bytes) -> str:
    text = base64.b64encode(content).decode("ascii")
    return f'<script type="application/octet-stream" id="{name}">{text}</script>'


def _start(volume: Volume) -> list[float]:
    """Return where the crosshair starts: the centre of the bone, as fractions of `_AXES`."""
    slices = [view.through_bone(volume.array) for view in (SAGITTAL, CORONAL, AXIAL)]
    counts = reversed(volume.grid.shape)
    # Arrays run the other way along every axis.
    return [1 - (index + 0.5) / count for index, count in zip(slices, counts, strict=True)]


def _encode(volume: Volume) -> bytes:
    """Return `volume` as gzipped NIfTI in whole HU."""
    limits = np.iinfo(np.int16)
    hu = np.clip(np.rint(hounsfield(volume.array)), limits.min, limits.max).astype(np.int16)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "volume.nii.gz"
        write_volume(file, Volume(hu, volume.grid))
        return file.read_bytes()
