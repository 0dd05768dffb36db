"""Volumes side by side in a browser: slices, 3-D view and one crosshair for all.

A page carries the NiiVue viewer (BSD-2-Clause) in itself. NiiVue comes with the Python
package `ipyniivue` as one bundled JavaScript module for notebooks, which does not export
its `Niivue` class. The class is found by the one place of the bundle that makes an
instance, and the page's own script is appended where the class is in scope.
"""

import base64
import html
import re
import tempfile
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from srnet.config.figures import FigureSettings
from srnet.core.errors import SrnetError
from srnet.figures.panel import AXIAL, CORONAL, SAGITTAL
from srnet.imaging.target import hounsfield
from srnet.imaging.volume import Volume, write_volume
from srnet.tables.page import html_page

_AXES = ("left to right", "posterior to anterior", "inferior to superior")
_HELP = (
    "Click or drag in a slice, scroll over it, or use the sliders; drag the 3-D view to turn it. "
    "Patient right is on the left of the picture. Values are HU inside bone, -1024 outside."
)
_INSTANCE = re.compile(
    r'console\.log\("Creating new Niivue instance"\);.{0,120}?=new ([A-Za-z_$][\w$]*)\('
)
_EXPORT = re.compile(r"export\{[^}]*\};?\s*$")

VIEWER_STYLE = """
.viewers { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1rem; }
.viewers figure { margin: 0; }
.viewers canvas { width: 100%; height: 30rem; background: #000; outline: none; }
.viewers .canvas { position: relative; height: 30rem; }
.viewers figcaption { display: flex; justify-content: space-between; font-weight: 600; }
.viewers output { font-variant-numeric: tabular-nums; font-weight: 400; }
.sliders { display: grid; grid-template-columns: auto 1fr; gap: .3rem 1rem; max-width: 40rem;
           margin-top: 1rem; }
.sliders input { width: 100%; }
"""

VIEWER_SCRIPT = """
const canvases = [...document.querySelectorAll(".viewers canvas[data-volume]")];
const surfaces = [...document.querySelectorAll(".viewers canvas[data-surface]")];
const sliders = [...document.querySelectorAll(".sliders input")];
const note = document.querySelector(".viewers-note");

function decode(id) {
  const text = atob(document.getElementById(id).textContent.trim());
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer;
}

async function attach(canvas) {
  const viewer = new Niivue({
    isRadiologicalConvention: true,
    sagittalNoseLeft: true,
    multiplanarShowRender: 1,
    multiplanarLayout: 2,
    crosshairWidth: 0.5,
    dragAndDropEnabled: false,
    logLevel: "error",
    crosshairColor: [1, 0.82, 0.25, 0.9],
    fontColor: [1, 0.82, 0.25, 1],
    backColor: [0, 0, 0, 1],
  });
  await viewer.attachToCanvas(canvas);
  viewer.setRenderAzimuthElevation(160, 10);
  return viewer;
}

async function openVolume(canvas) {
  const viewer = await attach(canvas);
  await viewer.loadFromArrayBuffer(decode(canvas.dataset.volume), "volume.nii.gz");
  const [low, high] = canvas.dataset.window.split(" ").map(Number);
  Object.assign(viewer.volumes[0], { cal_min: low, cal_max: high });
  viewer.updateGLVolume();
  viewer.setSliceType(viewer.sliceTypeMultiplanar);
  return viewer;
}

async function openSurface(canvas) {
  const viewer = await attach(canvas);
  await viewer.loadFromArrayBuffer(decode(canvas.dataset.surface), "surface.mz3");
  viewer.setMeshProperty(viewer.meshes[0].id, "rgba255", [232, 220, 196, 255]);
  viewer.setSliceType(viewer.sliceTypeRender);
  return viewer;
}

function report(viewers, fraction) {
  viewers.forEach((viewer, number) => {
    const voxel = viewer.frac2vox(fraction);
    const value = viewer.volumes[0].getValue(...voxel);
    canvases[number].closest("figure").querySelector("output").value = `${value} HU`;
  });
  sliders.forEach((slider, axis) => { slider.value = fraction[axis]; });
}

function move(viewers, fraction) {
  for (const viewer of viewers) {
    viewer.scene.crosshairPos = [...fraction];
    viewer.drawScene();
  }
  report(viewers, fraction);
}

async function start() {
  if (!document.createElement("canvas").getContext("webgl2")) {
    throw new Error("this browser offers no WebGL 2, which the viewer needs");
  }
  const viewers = [];
  for (const canvas of canvases) viewers.push(await openVolume(canvas));
  const all = [...viewers];
  for (const canvas of surfaces) all.push(await openSurface(canvas));
  all.forEach((viewer) => viewer.broadcastTo(all.filter((other) => other !== viewer)));
  viewers.forEach((viewer) => {
    viewer.onLocationChange = (place) => report(viewers, [...place.frac].slice(0, 3));
  });
  const chosen = () => sliders.map((slider) => Number(slider.value));
  sliders.forEach((slider) => slider.addEventListener("input", () => move(viewers, chosen())));
  move(viewers, chosen());
}

start().then(
  () => { document.body.dataset.viewers = "ready"; },
  (error) => { note.textContent = `No viewer: ${error.message}.`; },
);
"""


def viewer_html(
    volumes: Sequence[tuple[str, Volume]],
    title: str = "Reconstructed spine",
    foreword: str = "",
    window_hu: tuple[float, float] | None = None,
    surfaces: Sequence[tuple[str, bytes]] = (),
) -> str:
    """Return a page that shows `volumes` side by side and loads nothing from any server.

    Parameters
    ----------
    volumes
        Title and volume in network values, one or more.
    title, foreword
        Heading of the page as plain text, and HTML below it.
    window_hu
        HU shown black and white; by default that of the figures.
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


def niivue_module(script: str) -> str:
    """Return NiiVue followed by `script`, which may use the class `Niivue`.

    The text is meant for an inline `<script type="module">`.

    Raises
    ------
    SrnetError
        If `ipyniivue` is missing, or its bundle is not built as expected.
    """
    bundle = _bundle().read_text(encoding="utf-8")
    instance = _INSTANCE.search(bundle)
    if instance is None or _EXPORT.search(bundle) is None:
        raise SrnetError(
            f"ipyniivue {metadata.version('ipyniivue')} hides the Niivue class in an unknown way; "
            "install the version that requirements.lock names"
        )
    viewer = _EXPORT.sub("", bundle)
    text = f"{viewer}\n;{{const Niivue={instance[1]};\n{script}\n}}"
    # A closing tag inside a string would end the page's script element.
    return text.replace("</script", r"<\/script")


def _bundle() -> Path:
    # Importing the package would start its notebook machinery; its folder is enough.
    spec = find_spec("ipyniivue")
    if spec is None or spec.origin is None:
        raise SrnetError(
            "the volume viewer needs the package ipyniivue; pip install -r requirements.lock"
        )
    return Path(spec.origin).parent / "static" / "widget.js"


def _cell(name: str, attributes: str) -> str:
    return (
        f"<figure><figcaption><span>{html.escape(name)}</span><output></output></figcaption>"
        f'<div class="canvas"><canvas tabindex="0" {attributes}></canvas></div></figure>'
    )


def _data(name: str, content: bytes) -> str:
    text = base64.b64encode(content).decode("ascii")
    return f'<script type="application/octet-stream" id="{name}">{text}</script>'


def _start(volume: Volume) -> list[float]:
    """Return the centre of the bone as fractions of `_AXES`, where the crosshair starts."""
    slices = [plane.through_bone(volume.array) for plane in (SAGITTAL, CORONAL, AXIAL)]
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
