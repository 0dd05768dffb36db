"""The grid on which bone is found, coarser than that of a fine scan.

Sharp kernels on voxels well below a millimetre give noise that no threshold
stands; the mean over a few voxels does, and is quicker. The mask found there
returns to the voxels of the scan: deep inside it holds as it is, along its
surface each voxel of the scan decides by its own value.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.imaging.volume import Grid
from srnet.prepare.masks import Mask, bounding_box, dilate

CROSS: list[tuple[int, ...]] = [
    (-1, 0, 0),
    (1, 0, 0),
    (0, -1, 0),
    (0, 1, 0),
    (0, 0, -1),
    (0, 0, 1),
]
"""The six neighbours of a voxel."""

FINE_MM = 1.0
WANTED_MM = 1.5
MOST_IN_16_BITS = 8
"""How many values of 12 bits a sum of 16 bits holds for certain."""


@dataclass(frozen=True)
class WorkingGrid:
    """Blocks of voxels that stand for one each.

    Attributes
    ----------
    factors
        Voxels of the scan along each axis of a block.
    spacing_mm
        Edges of a block.
    """

    factors: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    @classmethod
    def of(cls, grid: Grid) -> "WorkingGrid":
        """Return blocks of about 1.5 mm along axes finer than 1 mm, single voxels elsewhere."""
        down, back, left = (
            math.ceil(WANTED_MM / edge - 0.5) if edge < FINE_MM else 1 for edge in grid.spacing_mm
        )
        edges = zip(grid.spacing_mm, (down, back, left), strict=True)
        one, two, three = (edge * factor for edge, factor in edges)
        return cls((down, back, left), (one, two, three))

    @property
    def voxel_mm3(self) -> float:
        """Return the volume of a block."""
        return math.prod(self.spacing_mm)

    def mean(self, hu: NDArray[np.int16]) -> NDArray[np.int16]:
        """Return the mean of each block, rounded; incomplete ones repeat their last voxel."""
        count = math.prod(self.factors)
        if count == 1:
            return hu
        short = [(0, -n % f) for n, f in zip(hu.shape, self.factors, strict=True)]
        total: NDArray[Any] = np.pad(hu, short, mode="edge") if np.any(short) else hu
        if count > MOST_IN_16_BITS:
            total = total.astype(np.int32)
        for axis, factor in enumerate(self.factors):
            phases = [_every(total, axis, factor, start) for start in range(factor)]
            total = phases[0] if factor == 1 else sum(phases[1:], start=phases[0].copy())
        return ((total + count // 2) // count).astype(np.int16, copy=False)

    def to_scan(self, mask: Mask, hu: NDArray[np.int16], threshold: float) -> Mask:
        """Return the voxels of the scan that a mask of blocks stands for.

        Parameters
        ----------
        mask
            Blocks of bone.
        hu
            Voxels of the scan that the blocks were made of.
        threshold
            Voxels of blocks on the surface of the mask are bone above it.
        """
        if math.prod(self.factors) == 1:
            return mask
        fine = np.zeros(hu.shape, bool)
        # A margin of one block: what lies next to the mask may belong to it.
        box = bounding_box(mask, margin=1)
        deep = ~dilate(~mask[box], CROSS)
        near = dilate(mask[box], CROSS)
        part = tuple(
            slice(side.start * factor, side.stop * factor)
            for side, factor in zip(box, self.factors, strict=True)
        )
        fine_part, hu_part = fine[part], hu[part]
        for start in product(*(range(factor) for factor in self.factors)):
            phase = tuple(slice(s, None, f) for s, f in zip(start, self.factors, strict=True))
            own = fine_part[phase]
            inside = tuple(slice(n) for n in own.shape)
            np.greater(hu_part[phase], threshold, out=own)
            own &= near[inside]
            own |= deep[inside]
        return fine


def _every(array: NDArray[Any], axis: int, step: int, start: int) -> NDArray[Any]:
    """Return every `step`-th layer along an axis."""
    return array[(slice(None),) * axis + (slice(start, None, step),)]
