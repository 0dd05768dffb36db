"""Where a 3-D view is seen from, and its picture on a page.

Views use parallel projection, so that a scale bar holds everywhere in a picture. Positions
are in mm in a frame of the volume itself: right, anterior, superior from the centre of its
leftmost, most posterior and most inferior voxel.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from srnet.imaging.volume import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VISIBLE = 24
"""Levels of 255 by which a pixel must differ from the background to be seen."""
SPECK = 1e-3
"""Share of visible pixels below which a picture counts as showing no surface."""


def towards(azimuth_deg: float, elevation_deg: float) -> tuple[float, float, float]:
    """Return the unit vector from the patient to the viewer.

    Azimuth 0 is anterior, 90 the patient's left, 180 posterior; a positive
    elevation looks down.
    """
    azimuth, elevation = np.deg2rad([azimuth_deg, elevation_deg])
    right = -np.sin(azimuth) * np.cos(elevation)
    anterior = np.cos(azimuth) * np.cos(elevation)
    return float(right), float(anterior), float(np.sin(elevation))


FROM_BEHIND = towards(azimuth_deg=145, elevation_deg=10)
"""From behind and the patient's left, where the rib cage does not hide the spine."""


@dataclass(frozen=True)
class Camera:
    """A parallel view of a volume.

    Attributes
    ----------
    focus_mm
        Position in the middle of the picture.
    direction
        Unit vector from the focus to the viewer.
    half_height_mm
        Half of what the picture shows from bottom to top.
    """

    focus_mm: tuple[float, float, float]
    direction: tuple[float, float, float]
    half_height_mm: float

    def project(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n, 2) mm to the right of and above the middle of the picture."""
        place: NDArray[np.float64] = (points_mm - np.array(self.focus_mm)) @ self._across()
        return place

    def lift(self, place_mm: NDArray[np.float64]) -> tuple[float, float, float]:
        """Return the point at `place_mm` of the picture and in the depth of the focus."""
        point = np.array(self.focus_mm) + self._across() @ place_mm
        return float(point[0]), float(point[1]), float(point[2])

    def _across(self) -> NDArray[np.float64]:
        """Return the unit vectors to the right and up in the picture, (3, 2)."""
        direction = np.array(self.direction)
        right = np.cross([0.0, 0.0, 1.0], direction)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(direction, right)], axis=1)


def position_mm(grid: Grid, index: Iterable[float]) -> tuple[float, float, float]:
    """Return the position of a voxel of an array of `srnet.imaging.volume`."""
    far = [n - 1 - i for n, i in zip(grid.shape, index, strict=True)]
    superior, anterior, right = (d * s for d, s in zip(far, grid.spacing_mm, strict=True))
    return float(right), float(anterior), float(superior)


def fit(
    mask: NDArray[np.bool_], grid: Grid, direction: tuple[float, float, float], aspect: float
) -> Camera:
    """Return a camera whose picture, `aspect` times as wide as high, holds all of `mask`.

    For an empty mask it holds the whole grid.
    """
    inside = np.argwhere(mask if mask.any() else np.ones_like(mask))
    points = (np.array(grid.shape) - 1 - inside)[:, ::-1] * np.array(grid.spacing_mm[::-1])
    origin = Camera((0.0, 0.0, 0.0), direction, 1.0)
    seen = origin.project(points)
    middle, half = (seen.max(axis=0) + seen.min(axis=0)) / 2, np.ptp(seen, axis=0) / 2
    return Camera(origin.lift(middle), direction, 1.05 * float(max(half[1], half[0] / aspect)))


def draw_surface(axes: "Axes", picture: NDArray[np.uint8], camera: Camera) -> None:
    """Draw the picture (height, width, 3) that `camera` gave, in mm.

    A picture without a visible surface is labelled so.
    """
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
