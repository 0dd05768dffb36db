"""The two views and the cone beam: the one statement of the x-ray geometry.

Positions are mm from the isocentre, the middle of the volume, along the array axes of
`srnet.imaging.volume`: (down, back, left), that is towards inferior, posterior and the
patient's left.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from srnet.imaging.volume import Axis, Grid

DETECTOR_MM = 408.0
"""How far behind the isocentre the pixels are put at which rays are aimed. It decides nothing:
the pitch of the pixels grows with the distance, so that every ray stays the same."""


class View(Enum):
    """The two views, in the order of the channels of an x-ray pair."""

    AP = "ap"
    LATERAL = "lateral"

    @property
    def depth(self) -> Axis:
        """Return the array axis along which the view looks."""
        return Axis.ANTEROPOSTERIOR if self is View.AP else Axis.LEFT_RIGHT

    @property
    def columns(self) -> Axis:
        """Return the array axis that the columns of the image show; rows show craniocaudal."""
        return Axis.LEFT_RIGHT if self is View.AP else Axis.ANTEROPOSTERIOR

    @property
    def source_side(self) -> int:
        """Return -1 where the source stands before index 0 of the depth axis, 1 beyond the last.

        The source stands where the viewer stands: anterior of the patient for
        the AP view, at the patient's left for the lateral one.
        """
        return -1 if self is View.AP else 1

    def to_frame(self, leading: int = 0) -> tuple[int, ...]:
        """Return the order of axes that turns a volume into the view's own frame.

        That frame is (depth, rows, columns); `leading` axes before those of the volume, such as
        samples and channels, keep their places.
        """
        axes = (self.depth, Axis.CRANIOCAUDAL, self.columns)
        return (*range(leading), *(leading + int(axis) for axis in axes))

    def to_volume(self, leading: int = 0) -> tuple[int, ...]:
        """Return the order of axes that undoes `to_frame`."""
        order = self.to_frame(leading)
        return tuple(order.index(axis) for axis in range(len(order)))


@dataclass(frozen=True)
class ConeBeam:
    """A point source before a flat detector at right angles to the central ray.

    Row r and column c of the detector see row r and column c of the volume in the isocentre
    plane: its pitch is the voxel size times the magnification. The distance to the detector
    cancels, and the geometry has one number.

    Attributes
    ----------
    source_to_isocentre_mm
        Distance from the focal spot to the middle of the volume.
    """

    source_to_isocentre_mm: float

    def source_mm(self, view: View) -> tuple[float, float, float]:
        """Return the position of the focal spot."""
        position = [0.0, 0.0, 0.0]
        position[view.depth] = view.source_side * self.source_to_isocentre_mm
        return position[0], position[1], position[2]

    def pixels_mm(self, view: View, grid: Grid) -> NDArray[np.float64]:
        """Return points on the rays of all pixels behind the patient, (rows, columns, 3)."""
        rows = self._ticks(grid, Axis.CRANIOCAUDAL)
        columns = self._ticks(grid, view.columns)
        position = np.empty((rows.size, columns.size, 3))
        position[..., Axis.CRANIOCAUDAL] = rows[:, None]
        position[..., view.columns] = columns[None, :]
        position[..., view.depth] = -view.source_side * DETECTOR_MM
        return position

    def _ticks(self, grid: Grid, axis: Axis) -> NDArray[np.float64]:
        """Return the coordinates of the pixels along one axis, in mm."""
        indices = np.arange(grid.shape[axis]) - (grid.shape[axis] - 1) / 2
        source = self.source_to_isocentre_mm
        return indices * np.float64(grid.spacing_mm[axis] * ((source + DETECTOR_MM) / source))
