"""Resampling of a bone volume to the cube that networks see.

What is resampled is the stored target (see `srnet.target`), 0 outside bone, by
linear interpolation on a grid that is finer than the result where it shrinks,
followed by the mean over blocks. A voxel on the surface of bone thus holds
its share of bone times the value of that bone. Line integrals, and so the
DRRs, are those of the full-resolution bone; values between 0 and about 1200
mean a partly filled voxel and not a low HU.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from srnet.config.prepare import ResampleSettings
from srnet.target import to_target
from srnet.volume import Grid, Volume

__all__ = ["resample_volume", "target_grid"]

SLACK = 0.1
"""By how much a step between samples may exceed a voxel of the scan, in voxels."""


def resample_volume(bone: Volume, size: int, settings: ResampleSettings) -> Volume:
    """Return the stored target on a cube of `size` voxels.

    Parameters
    ----------
    bone
        HU in bone, `srnet.volume.AIR_HU` elsewhere.
    size
        Voxels along each edge.
    settings
        `resize` maps the field of view onto the cube axis by axis, so that the
        spacing differs by axis; `isotropic` pads it with air to a cube.

    Returns
    -------
    int16 volume in [0, 2500]; its field of view has the same centre, and in
    `resize` mode the same edges.
    """
    grid = target_grid(bone.grid, size, settings)
    values = _resample(Volume(to_target(bone.array), bone.grid), grid)
    return Volume(np.rint(values).astype(np.int16), grid)


def target_grid(grid: Grid, size: int, settings: ResampleSettings) -> Grid:
    """Return the cube of `size` voxels over the field of view of `grid`."""
    extent = _EXTENTS[settings.mode](grid)
    down, back, left = (edge / size for edge in extent)
    return Grid.centred((size, size, size), (down, back, left), grid.centre_mm)


def _whole_view(grid: Grid) -> tuple[float, float, float]:
    return grid.extent_mm


def _cube(grid: Grid) -> tuple[float, float, float]:
    edge = max(grid.extent_mm)
    return edge, edge, edge


_EXTENTS = {"resize": _whole_view, "isotropic": _cube}


def _resample(volume: Volume, grid: Grid) -> NDArray[np.float32]:
    """Return linear interpolation averaged over the voxels of `grid`, 0 outside."""
    import SimpleITK as sitk  # noqa: N813 - the name its users know

    factors = _finer(volume.grid, grid)
    shape = [count * factor for count, factor in zip(grid.shape, factors, strict=True)]
    spacing = [edge / factor for edge, factor in zip(grid.spacing_mm, factors, strict=True)]
    image = sitk.GetImageFromArray(volume.array)
    image.SetSpacing(volume.grid.spacing_mm[::-1])
    image.SetOrigin(_first_voxel(volume.grid.shape, volume.grid.spacing_mm))
    image = sitk.Resample(
        image,
        shape[::-1],
        sitk.Transform(),
        sitk.sitkLinear,
        _first_voxel(shape, spacing),
        spacing[::-1],
    )
    return np.asarray(sitk.GetArrayFromImage(sitk.BinShrink(image, factors[::-1])))


def _finer(old: Grid, new: Grid) -> list[int]:
    """Return how many samples along each axis make one voxel of the new grid."""
    ratios = [wide / fine for wide, fine in zip(new.spacing_mm, old.spacing_mm, strict=True)]
    return [max(1, math.ceil(ratio - SLACK)) for ratio in ratios]


def _first_voxel(shape: Sequence[int], spacing_mm: Sequence[float]) -> list[float]:
    """Return the first voxel's position from the middle in mm, fastest axis first."""
    corner = [-(count - 1) / 2 * edge for count, edge in zip(shape, spacing_mm, strict=True)]
    return corner[::-1]
