"""3-D views of bone surfaces on machines with or without a screen."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srnet.errors import SrnetError
from srnet.figures import isosurface_worker
from srnet.figures.camera import Camera
from srnet.volume import Grid

__all__ = ["Shot", "render_surfaces"]

# Neither needs a display or X11: Mesa's software drawing does.
WINDOWS = ("vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow")


@dataclass(frozen=True)
class Shot:
    """One picture to take: of the volume with this name, by this camera."""

    volume: str
    camera: Camera


def render_surfaces(
    volumes: Mapping[str, NDArray[np.float32]],
    grid: Grid,
    level: float,
    shots: Sequence[Shot],
    pixels: tuple[int, int],
) -> list[NDArray[np.uint8]]:
    """Return a picture (height, width, 3) on white of each of `shots`.

    Parameters
    ----------
    volumes
        Arrays in the orientation of `srnet.volume`, all on `grid`.
    grid
        Their geometry.
    level
        Value of the surface. A volume that stays below gives a white picture.
    shots
        What to draw.
    pixels
        Height and width of every picture.

    Raises
    ------
    SrnetError
        If no library for drawing without a screen works; it names the packages.
    """
    request = {
        "level": level,
        "pixels": pixels,
        "spacing_mm": grid.spacing_mm[::-1],
        "shots": [{"volume": f"volume_{s.volume}", **asdict(s.camera)} for s in shots],
    }
    arrays = {f"volume_{name}": array.T[::-1, ::-1, ::-1] for name, array in volumes.items()}
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder) / "request.npz", Path(folder) / "answer.npz"
        np.savez(question, request=np.array(json.dumps(request)), **arrays)  # type: ignore[arg-type]
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
            text=True,
            check=False,
        )
        if process.returncode == 0 and answer.is_file():
            return
        last = (process.stderr.strip().splitlines() or ["no message"])[-1]
        endings.append(f"{window}: exit {process.returncode}, {last}")
    raise SrnetError(
        "3-D views cannot be drawn on this machine; install libegl1 and libegl-mesa0, or "
        f"libosmesa6 (apt-get install libegl1 libegl-mesa0). Tried {'; '.join(endings)}"
    )
