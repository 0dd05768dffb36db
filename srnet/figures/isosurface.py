"""3-D views of bone surfaces on machines with or without a screen.

VTK ends the process that it runs in where a graphics library is missing. This module
therefore starts itself as a program (`python -m`) to draw, and the caller survives.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.core.errors import SrnetError
from srnet.figures.camera import Camera
from srnet.imaging.volume import Grid

WINDOWS = ("vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow")
"""Kinds of VTK windows that need neither a display nor X11, in the order of trial."""
BONE = "#efe3c8"
TAUBIN = {"n_iter": 20, "pass_band": 0.1}
"""Smooths the steps between voxels and, unlike a Laplacian filter, does not shrink."""
_ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Scene:
    """Volumes on one grid, of which surfaces are drawn.

    Attributes
    ----------
    volumes
        Arrays in the orientation of `srnet.imaging.volume`, by name.
    grid
        Their geometry.
    level
        Value of the surface, the same for all.
    """

    volumes: Mapping[str, NDArray[np.float32]]
    grid: Grid
    level: float


@dataclass(frozen=True)
class Shot:
    """One picture to take: of a volume of a scene, `pixels` high and wide."""

    scene: Scene
    volume: str
    camera: Camera
    pixels: tuple[int, int]


def render_surfaces(shots: Sequence[Shot]) -> list[NDArray[np.uint8]]:
    """Return a picture (height, width, 3) on white of each of `shots`.

    A volume that stays below the level of its scene gives a white picture. One
    call starts one process, so pass all shots of a page together.

    Raises
    ------
    SrnetError
        If no library for drawing without a screen works; it names the packages.
    """
    arrays, wanted = {}, []
    scenes = {id(shot.scene): number for number, shot in enumerate(shots)}
    for shot in shots:
        name = f"{scenes[id(shot.scene)]}_{shot.volume}"
        arrays[name] = shot.scene.volumes[shot.volume].T[::-1, ::-1, ::-1]
        wanted.append(
            {
                "volume": name,
                "level": shot.scene.level,
                "spacing_mm": shot.scene.grid.spacing_mm[::-1],
                "pixels": shot.pixels,
                **asdict(shot.camera),
            }
        )
    with tempfile.TemporaryDirectory() as folder:
        request, answer = Path(folder) / "request.npz", Path(folder) / "answer.npz"
        np.savez(request, request=np.array(json.dumps(wanted)), **arrays)  # type: ignore[arg-type]
        _run_worker(request, answer)
        with np.load(answer) as file:
            return [file[f"picture{number}"] for number in range(len(shots))]


def _run_worker(request: Path, answer: Path) -> None:
    """Draw in a process of its own, with the first kind of window that works."""
    failures = []
    for window in WINDOWS:
        process = subprocess.run(  # noqa: S603  (this package's own worker)
            [sys.executable, "-m", __name__, request, answer],
            env={**os.environ, "VTK_DEFAULT_OPENGL_WINDOW": window},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if process.returncode == 0 and answer.is_file():
            return
        last = (_ANSI_COLOUR.sub("", process.stderr).strip().splitlines() or ["no message"])[-1]
        # VTK puts time, thread and place before the bar.
        failures.append(f"{window}: exit {process.returncode}, {last.rpartition('| ')[2]}")
    raise SrnetError(
        "3-D views cannot be drawn on this machine; install libegl1 and libegl-mesa0, or "
        f"libosmesa6 (apt-get install libegl1 libegl-mesa0). Tried {'; '.join(failures)}"
    )


def _draw_request(request: str, answer: str) -> None:
    """Draw the shots that the `.npz` file `request` asks for into the file `answer`."""
    with np.load(request) as file:
        shots = json.loads(str(file["request"]))
        surfaces = {
            shot["volume"]: _surface(file[shot["volume"]], shot["spacing_mm"], shot["level"])
            for shot in {shot["volume"]: shot for shot in shots}.values()
        }
    pictures = {
        f"picture{number}": _picture(surfaces[shot["volume"]], shot)
        for number, shot in enumerate(shots)
    }
    np.savez(answer, **pictures)  # type: ignore[arg-type]


def _surface(array: NDArray[np.float32], spacing_mm: list[float], level: float) -> Any:
    """Return the surface at `level` of an array that runs right, anterior, superior."""
    import pyvista

    # A border of zeros closes surfaces that leave the field of view.
    padded = np.pad(array, 1)
    grid = pyvista.ImageData(
        dimensions=padded.shape, spacing=spacing_mm, origin=[-mm for mm in spacing_mm]
    )
    grid.point_data["value"] = padded.flatten(order="F")
    surface = grid.contour([level], scalars="value")
    if surface.n_points == 0:
        return None
    return surface.smooth_taubin(**TAUBIN).compute_normals(split_vertices=False)


def _picture(surface: Any, shot: dict[str, Any]) -> NDArray[np.uint8]:
    import pyvista

    height, width = shot["pixels"]
    plotter: Any = pyvista.Plotter(
        off_screen=True, window_size=[width, height], lighting="light kit"
    )
    plotter.set_background("white")
    plotter.enable_anti_aliasing("ssaa")
    if surface is not None:
        plotter.add_mesh(surface, color=BONE, smooth_shading=True, specular=0.15, ambient=0.15)
    focus, direction = np.array(shot["focus_mm"]), np.array(shot["direction"])
    plotter.enable_parallel_projection()
    plotter.camera.focal_point = focus
    plotter.camera.position = focus + 5000 * direction
    plotter.camera.up = (0, 0, 1)
    plotter.camera.parallel_scale = shot["half_height_mm"]
    plotter.camera.clipping_range = (1, 10000)
    picture = np.asarray(plotter.screenshot(None, return_img=True), np.uint8)
    plotter.close()
    return picture


if __name__ == "__main__":
    _draw_request(*sys.argv[1:])
