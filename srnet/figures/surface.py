"""A rendered surface as a picture in mm."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from srnet.figures.camera import Camera

__all__ = ["draw_surface"]

VISIBLE = 24
"""Levels of 255 by which a pixel must differ from the background to be seen."""

SPECK = 1e-3
"""Share of the pixels below which what is seen is no surface but a speck."""


def draw_surface(axes: Axes, picture: NDArray[np.uint8], camera: Camera) -> None:
    """Draw what `camera` saw, in mm, and say so if it saw nothing."""
    height = 2 * camera.half_height_mm
    width = height * picture.shape[1] / picture.shape[0]
    axes.imshow(picture, extent=(0.0, width, height, 0.0), interpolation="antialiased")
    axes.set_axis_off()
    if np.mean(np.abs(picture.astype(int) - picture[0, 0]) > VISIBLE) < SPECK:
        # Above the dashed boxes, which may cross the middle.
        label = axes.text(
            width / 2, height / 2, "no surface", ha="center", va="center", fontsize=6
        )
        label.set(zorder=5, backgroundcolor="white")
