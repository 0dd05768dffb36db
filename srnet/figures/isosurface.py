"""3-D views of bone surfaces on machines with or without a screen."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srnet.core.errors import SrnetError
from srnet.figures import isosurface_worker
from srnet.figures.camera import Camera
from srnet.imaging.volume import Grid

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Neither needs a display or X11.
WINDOWS = ("vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow")


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

    A volume that stays below the level of its scene gives a white picture.
    All shots of a page in one call start one process only.

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
        question, answer = Path(folder) / "request.npz", Path(folder) / "answer.npz"
        np.savez(question, request=np.array(json.dumps(wanted)), **arrays)  # type: ignore[arg-type]
        _run_worker(question, answer)
        with np.load(answer) as file:
            return [file[f"picture{number}"] for number in range(len(shots))]


def _run_worker(question: Path, answer: Path) -> None:
    """Draw in a process of its own, with the first kind of window that works."""
    endings = []
    for window in WINDOWS:
        process = subprocess.run(  # noqa: S603  (this package's own worker)
            [sys.executable, "-m", isosurface_worker.__name__, question, answer],
            env={**os.environ, "VTK_DEFAULT_OPENGL_WINDOW": window},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if process.returncode == 0 and answer.is_file():
            return
        last = (_COLOUR.sub("", process.stderr).strip().splitlines() or ["no message"])[-1]
        # VTK puts time, thread and place before the bar.
        endings.append(f"{window}: exit {process.returncode}, {last.rpartition('| ')[2]}")
    raise SrnetError(
        "3-D views cannot be drawn on this machine; install libegl1 and libegl-mesa0, or "
        f"libosmesa6 (apt-get install libegl1 libegl-mesa0). Tried {'; '.join(endings)}"
    )
