"""Volumes, their geometry and their files: the only module that knows both.

Orientation, stated once for the whole package:

* Arrays are indexed `[craniocaudal, anteroposterior, left_right]` and run from
  superior to inferior, anterior to posterior, and patient right to left. Any
  slice shown with row 0 on top is therefore a radiological picture: an axial
  slice has anterior on top and the patient's right on the viewer's left.
* Files are NIfTI with axes that run right, anterior, superior (RAS+), in mm.

Everything else converts here, on reading and on writing.
"""

import gzip
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.atomic import atomic_path
from srnet.rejection import raise_if_buried
from srnet.stamp import record_id

__all__ = ["Axis", "Grid", "Volume", "read_volume", "write_volume"]


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
    """
    import nibabel

    raise_if_buried(path)
    image = nibabel.Nifti1Image.from_filename(str(path))
    ras = np.asarray(image.dataobj)
    array = np.ascontiguousarray(ras[::-1, ::-1, ::-1].T)
    affine = np.asarray(image.affine)
    corner = affine @ np.array([*(n - 1 for n in ras.shape), 1.0])
    right, anterior, superior = (float(s) for s in np.diag(affine)[:3])
    grid = Grid(
        shape=(array.shape[0], array.shape[1], array.shape[2]),
        spacing_mm=(superior, anterior, right),
        origin_mm=(float(corner[0]), float(corner[1]), float(corner[2])),
    )
    return Volume(array, grid)


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write `volume` to a `.nii.gz` file in RAS+, atomically and reproducibly.

    Both the qform and the sform carry the affine; units are mm; `descrip`
    carries the id of the provenance record.
    """
    import nibabel

    ras = volume.array.T[::-1, ::-1, ::-1]
    affine = volume.grid.affine[:, [2, 1, 0, 3]].copy()
    last = affine @ np.array([*(n - 1 for n in ras.shape), 1.0])
    affine[:3, :3] *= -1
    affine[:3, 3] = last[:3]
    image = nibabel.Nifti1Image(ras, affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, code="scanner")
    image.set_sform(affine, code="scanner")
    image.header["descrip"] = record_id().encode()
    # A fixed time stamp keeps equal volumes equal byte for byte.
    with atomic_path(path) as partial, partial.open("wb") as raw:
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed:
            packed.write(image.to_bytes())
