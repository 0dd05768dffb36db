"""The x-ray tube and the detector of the two views, in one frame.

Positions are mm from the isocentre, the middle of the volume, along the array
axes of `srnet.volume`: (down, back, left), that is towards inferior, posterior
and the patient's left.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from srnet.imaging.volume import Axis, Grid


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


@dataclass(frozen=True)
class ConeBeam:
    """A point source and a flat detector at right angles to the central ray.

    Attributes
    ----------
    source_to_isocentre_mm
        Distance from the focal spot to the middle of the volume.
    source_to_detector_mm
        Distance from the focal spot to the detector, larger.
    """

    source_to_isocentre_mm: float
    source_to_detector_mm: float

    @property
    def magnification(self) -> float:
        """Return how much larger the detector shows what lies in the isocentre plane."""
        return self.source_to_detector_mm / self.source_to_isocentre_mm

    def source_mm(self, view: View) -> tuple[float, float, float]:
        """Return the position of the focal spot."""
        position = [0.0, 0.0, 0.0]
        position[view.depth] = view.source_side * self.source_to_isocentre_mm
        return position[0], position[1], position[2]

    def pixels_mm(self, view: View, grid: Grid) -> NDArray[np.float64]:
        """Return the pixel centres on the detector, (rows, columns, 3).

        The pitch is the voxel spacing times the magnification, so that row r
        and column c see row r and column c of the volume's isocentre plane.
        """
        rows = self._ticks(grid, Axis.CRANIOCAUDAL)
        columns = self._ticks(grid, view.columns)
        behind = self.source_to_isocentre_mm - self.source_to_detector_mm
        position = np.empty((rows.size, columns.size, 3))
        position[..., Axis.CRANIOCAUDAL] = rows[:, None]
        position[..., view.columns] = columns[None, :]
        position[..., view.depth] = view.source_side * behind
        return position

    def _ticks(self, grid: Grid, axis: Axis) -> NDArray[np.float64]:
        """Return the detector coordinates of the pixel centres along one axis, in mm."""
        count = grid.shape[axis]
        indices = np.arange(count) - (count - 1) / 2
        pitch = np.float64(grid.spacing_mm[axis] * self.magnification)
        return indices * pitch
