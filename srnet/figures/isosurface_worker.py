"""The process that draws surfaces. It may die; its caller survives.

`srnet.figures.isosurface` runs this as `python -m`, since VTK ends the process
that it runs in where a graphics library is missing.
"""

import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

BONE = "#efe3c8"
# Smooths the stairs of the voxels and, unlike a Laplacian filter, shrinks nothing.
TAUBIN = {"n_iter": 20, "pass_band": 0.1}


def main(request: str, answer: str) -> None:
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
    main(*sys.argv[1:])
