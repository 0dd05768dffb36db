"""Volumes, their geometry and their files: the only module that knows both.

Orientation, stated once for the whole package:

* Arrays are indexed `[craniocaudal, anteroposterior, left_right]` and run from
  superior to inferior, anterior to posterior, and patient right to left. Any
  slice shown with row 0 on top is therefore a radiological picture: an axial
  slice has anterior on top and the patient's right on the viewer's left.
* Files are NIfTI with axes that run right, anterior, superior (RAS+), in mm.

Everything else converts here, on reading and on writing.
"""

import math
from dataclasses import dataclass
from enum import IntEnum
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.core.rejection import raise_if_rejected
from srnet.core.stamp import record_id
from srnet.imaging.image import Image
from srnet.imaging.nifti import read_nifti, write_nifti

AIR_HU = -1000
"""Hounsfield units of air, and of everything outside the field of view."""

_OBLIQUE = 1e-3
"""Direction cosine off the axes above which a volume is resampled: 0.06 degrees."""


class Axis(IntEnum):
    """Anatomical names of the array axes, in array order."""

    CRANIOCAUDAL = 0
    ANTEROPOSTERIOR = 1
    LEFT_RIGHT = 2


@dataclass(frozen=True)
class Grid:
    """Where the voxels of an array lie in the patient.

    Attributes
    ----------
    shape
        Voxels along the craniocaudal, anteroposterior and left-right axis.
    spacing_mm
        Distance between voxel centres in the same order, positive.
    origin_mm
        World position (right, anterior, superior) of the centre of voxel
        [0, 0, 0], the most superior, anterior and right one.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]

    @classmethod
    def centred(
        cls,
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float],
        centre_mm: tuple[float, float, float],
    ) -> "Grid":
        """Return the grid of this shape and spacing whose middle lies at `centre_mm` (RAS)."""
        down, back, left = (
            (count - 1) / 2 * spacing for count, spacing in zip(shape, spacing_mm, strict=True)
        )
        x, y, z = centre_mm
        return cls(shape, spacing_mm, (x + left, y + back, z + down))

    @property
    def affine(self) -> NDArray[np.float64]:
        """Return the 4x4 matrix from array indices to RAS world mm."""
        down, back, left = self.spacing_mm
        matrix = np.eye(4)
        matrix[0, :3] = 0, 0, -left
        matrix[1, :3] = 0, -back, 0
        matrix[2, :3] = -down, 0, 0
        matrix[:3, 3] = self.origin_mm
        return matrix

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """Return the outer edge lengths of the array, half voxels included."""
        lengths = [n * s for n, s in zip(self.shape, self.spacing_mm, strict=True)]
        return lengths[0], lengths[1], lengths[2]

    @property
    def voxel_ml(self) -> float:
        """Return the volume of one voxel in millilitres."""
        return math.prod(self.spacing_mm) / 1000

    @property
    def centre_mm(self) -> tuple[float, float, float]:
        """Return the world position (RAS) of the middle of the array."""
        middle = [(n - 1) / 2 for n in self.shape]
        centre = (self.affine @ np.array([*middle, 1.0]))[:3]
        return float(centre[0]), float(centre[1]), float(centre[2])


@dataclass(frozen=True)
class Volume:
    """A 3-D array and its grid.

    `array` holds HU for a CT, `clip(HU + 1024, 0, 2500)` inside bone and 0
    elsewhere for a training target, and values in [0, 1] for a network.
    """

    array: NDArray[Any]
    grid: Grid


def read_volume(path: str | Path) -> Volume:
    """Read a canonical volume that `write_volume` wrote.

    Raises
    ------
    ScanRejected
        If the file is the tombstone of a rejected scan.
    SrnetError
        If the file is damaged, or not of this package's making.
    """
    raise_if_rejected(path)
    upwards, spacing, origin = read_nifti(path)
    right, anterior, superior = (float(step) for step in spacing)
    array = np.ascontiguousarray(upwards[::-1, ::-1, ::-1])
    down, back, left = array.shape
    last = np.array([left - 1, back - 1, down - 1]) * spacing.astype(float)
    x, y, z = (float(place) for place in origin + last)
    return Volume(array, Grid((down, back, left), (superior, anterior, right), (x, y, z)))


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write `volume` to a `.nii.gz` file in RAS+, atomically and reproducibly.

    Both the qform and the sform carry the affine; units are mm; `descrip`
    carries the id of the provenance record.
    """
    grid = volume.grid
    spacing = grid.spacing_mm[::-1]
    reach = [(n - 1) * step for n, step in zip(grid.shape[::-1], spacing, strict=True)]
    origin = [place - length for place, length in zip(grid.origin_mm, reach, strict=True)]
    write_nifti(path, volume.array[::-1, ::-1, ::-1], spacing, origin, record_id())


def canonical(image: Image) -> Volume:
    """Bring a 3-D image of any orientation into the one of this package.

    Axes are permuted and flipped without touching a value. An oblique image is
    resampled linearly onto the axis-aligned grid that encloses it, with air
    around.
    """
    turned = turn(image, "IPL")
    array, affine = np.ascontiguousarray(turned.array), turned.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    shape = (array.shape[0], array.shape[1], array.shape[2])
    down, back, left = (float(step) for step in spacing)
    right, anterior, superior = (float(place) for place in affine[:3, 3])
    grid = Grid(shape, (down, back, left), (right, anterior, superior))
    cosines = affine[:3, :3] / spacing - grid.affine[:3, :3] / spacing
    if np.abs(cosines).max() > _OBLIQUE:
        return _straighten(array, affine, grid)
    return Volume(array, grid)


def turn(image: Image, axes: str) -> Image:
    """Permute and flip the axes of a 3-D image so that they run as near `axes` as they can.

    Parameters
    ----------
    image
        In any orientation.
    axes
        Where each axis is to run: R or L, A or P, S or I, such as "LPS".
    """
    cosines = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    world = ["RLAPSI".index(letter) // 2 for letter in axes]
    order = max(permutations(range(3)), key=lambda p: np.abs(cosines[world, p]).sum())
    wanted = [1 if letter in "RAS" else -1 for letter in axes]
    back = [wanted[i] * cosines[world[i], order[i]] < 0 for i in range(3)]
    array = np.flip(image.array.transpose(order), tuple(np.flatnonzero(back).tolist()))
    affine = image.affine.copy()
    affine[:3, :3] = np.where(back, -1, 1) * image.affine[:3, order]
    last = np.where(back, np.array(array.shape) - 1, 0)
    affine[:3, 3] -= affine[:3, :3] @ last
    # Without -0.0, equal places make equal bytes on file.
    return Image(array, affine + 0.0, tuple(image.spacing_mm[axis] for axis in order))


def _straighten(array: NDArray[Any], affine: NDArray[np.float64], near: Grid) -> Volume:
    """Resample an oblique array onto the axis-aligned grid that encloses it."""
    from scipy.ndimage import affine_transform

    steps = near.affine[:3, :3]
    corners = np.array(np.meshgrid(*((0, n - 1) for n in array.shape))).reshape(3, -1)
    placed = np.linalg.solve(steps, affine[:3, :3] @ corners + affine[:3, 3:])
    low, high = placed.min(axis=1), placed.max(axis=1)
    shape = [int(n) for n in np.ceil(high - low - 1e-6) + 1]
    origin = [float(place) for place in steps @ low]
    grid = Grid((shape[0], shape[1], shape[2]), near.spacing_mm, (origin[0], origin[1], origin[2]))
    index = np.linalg.inv(affine) @ grid.affine
    values = affine_transform(
        array.astype(np.float32),
        index[:3, :3],
        index[:3, 3],
        output_shape=shape,
        order=1,
        cval=AIR_HU,
    )
    return Volume(values, grid)
