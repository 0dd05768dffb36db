"""Resampling of a bone volume to the cube that networks see.

What is resampled is the stored target (see `srnet.target`), 0 outside bone, by
means over blocks where whole voxels make one of the result, and otherwise by
linear interpolation on a grid finer than the result where it shrinks, followed
by means over blocks. A voxel on the surface of bone thus holds the value of
bone times its share of the voxel: values between 0 and about 1200 mean a
partly filled voxel and not a low HU. That keeps the sum over any region, and
with it the line integrals that the DRRs show, independent of the resolution;
cutting partial voxels at a threshold instead would thin every lamina and rib.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.config.prepare import ResampleSettings
from srnet.core.errors import ScanRejected
from srnet.imaging.target import to_target
from srnet.imaging.volume import AIR_HU, Grid, Volume
from srnet.prepare.masks import bounding_box

SLACK = 0.1
"""By how much the step between samples may exceed a voxel of the scan, in voxels."""


def resample_volume(bone: Volume, size: int, settings: ResampleSettings) -> Volume:
    """Return the stored target on a cube of `size` voxels.

    Parameters
    ----------
    bone
        HU in bone, `srnet.imaging.volume.AIR_HU` elsewhere.
    size
        Voxels along each edge.
    settings
        `resize` maps the field of view onto the cube axis by axis, so that the
        spacing differs by axis; `isotropic` pads it with air to a cube.

    Returns
    -------
    int16 volume in [0, 2500]; its field of view has the same centre, and in
    `resize` mode the same edges.

    Raises
    ------
    ScanRejected
        If there is no bone.
    """
    grid = target_grid(bone.grid, size, settings)
    box = bounding_box(bone.array != AIR_HU, margin=2)
    if bone.array[box].size == 0:
        raise ScanRejected("the bone volume holds no bone; look at the scan and its bone settings")
    whole = _whole_factors(bone.grid, grid)
    start = np.array([side.start for side in box]) // whole * whole
    stop = -(-np.array([side.stop for side in box]) // whole) * whole
    part = to_target(bone.array[tuple(map(slice, start, stop))])
    scan, cube = _Lattice.of(bone.grid), _Lattice.of(grid)
    low = np.floor(cube.index(scan.edge_mm(start)) + 1e-6).astype(int).clip(0)
    high = np.ceil(cube.index(scan.edge_mm(start + part.shape)) - 1e-6).astype(int).clip(max=size)
    values = _resample(part, scan.part(start), cube.part(low), high - low, whole)
    array = np.zeros(grid.shape, np.int16)
    array[tuple(map(slice, low, high))] = np.rint(values)
    return Volume(array, grid)


def target_grid(grid: Grid, size: int, settings: ResampleSettings) -> Grid:
    """Return the cube of `size` voxels over the field of view of `grid`."""
    down, back, left = grid.extent_mm
    if settings.mode == "isotropic":
        down = back = left = max(grid.extent_mm)
    spacing = down / size, back / size, left / size
    return Grid.centred((size, size, size), spacing, grid.centre_mm)


@dataclass(frozen=True)
class _Lattice:
    """Voxels along array axes; positions are mm from the common middle of both volumes.

    Attributes
    ----------
    step_mm
        Spacing.
    start_mm
        Outer edges of voxel [0, 0, 0].
    """

    step_mm: NDArray[np.float64]
    start_mm: NDArray[np.float64]

    @classmethod
    def of(cls, grid: Grid) -> "_Lattice":
        """Return the lattice of a grid whose centre is the middle."""
        step = np.array(grid.spacing_mm)
        return cls(step, -np.array(grid.shape) / 2 * step)

    def edge_mm(self, index: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return where the voxel of an index begins."""
        return self.start_mm + index * self.step_mm

    def index(self, edge_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the index, with its fraction, of the voxel that begins at a position."""
        return (edge_mm - self.start_mm) / self.step_mm

    def part(self, start: NDArray[np.intp]) -> "_Lattice":
        """Return the lattice whose first voxel is that of an index."""
        return _Lattice(self.step_mm, self.edge_mm(start))

    def finer(self, factors: NDArray[np.intp]) -> "_Lattice":
        """Return the lattice with each voxel cut into `factors` along the axes."""
        return _Lattice(self.step_mm / factors, self.start_mm)

    @property
    def geometry(self) -> dict[str, list[float]]:
        """Return spacing and first voxel centre as SimpleITK wants them, fastest axis first."""
        centre = self.start_mm + self.step_mm / 2
        return {"spacing": self.step_mm[::-1].tolist(), "origin": centre[::-1].tolist()}


def _whole_factors(old: Grid, new: Grid) -> NDArray[np.intp]:
    """Return how many old voxels make a new one along each axis, 1 where they do not fit.

    Where they fit, means over blocks are all there is to do.
    """
    axes = zip(old.shape, new.shape, old.extent_mm, new.extent_mm, strict=True)
    fits = [
        many // few if many % few == 0 and math.isclose(before, after) else 1
        for many, few, before, after in axes
    ]
    return np.array(fits)


def _resample(
    array: NDArray[np.float32],
    old: _Lattice,
    new: _Lattice,
    shape: NDArray[np.intp],
    whole: NDArray[np.intp],
) -> NDArray[np.float32]:
    """Return means over the voxels of a lattice, 0 outside the array.

    First over blocks of `whole` voxels, then of samples between those.
    """
    import SimpleITK as sitk  # noqa: N813 - the name that its users know

    image = sitk.GetImageFromArray(array)
    image.SetSpacing(old.geometry["spacing"])
    image.SetOrigin(old.geometry["origin"])
    image = sitk.BinShrink(image, whole[::-1].tolist())
    factors = np.ceil(new.step_mm / image.GetSpacing()[::-1] - SLACK).astype(int).clip(1)
    fine = new.finer(factors).geometry
    image = sitk.Resample(
        image,
        (shape * factors)[::-1].tolist(),
        sitk.Transform(),
        sitk.sitkLinear,
        fine["origin"],
        fine["spacing"],
    )
    means = sitk.BinShrink(image, factors[::-1].tolist())
    return np.asarray(sitk.GetArrayFromImage(means), np.float32)
