"""Solids as signed distances in mm, negative inside, and the voxels to draw them on.

Distances are exact near the surface of round sections and within a fraction of a voxel
elsewhere, as partial volume requires.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
Points = tuple[Field, Field, Field]
"""Coordinates right, anterior, superior in mm, arrays of one shape."""

Triple = Sequence[float] | NDArray[np.floating[Any]]
"""Three numbers: right, anterior, superior."""


@dataclass(frozen=True)
class Frame:
    """Position and orientation of a bone: world = centre + axes @ local.

    Attributes
    ----------
    centre
        (3,) RAS mm.
    axes
        (3, 3), the columns are the bone's own right, anterior and superior axis.
    """

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]

    def at(self, right: float, anterior: float, superior: float) -> NDArray[np.float64]:
        """Return the world position of a local point."""
        place: NDArray[np.float64] = self.centre + self.axes @ (right, anterior, superior)
        return place


WORLD = Frame(np.zeros(3), np.eye(3))


def rotation(first: int, second: int, angle: float) -> NDArray[np.float64]:
    """Return the (3, 3) rotation by an angle in rad from axis `second` towards axis `first`."""
    matrix = np.eye(3)
    matrix[[first, second], [first, second]] = np.cos(angle)
    matrix[[first, second], [second, first]] = np.sin(angle), -np.sin(angle)
    return matrix


@dataclass(frozen=True)
class Lattice:
    """The voxel centres of an array indexed [right, anterior, superior].

    Attributes
    ----------
    origin_mm
        RAS position of voxel [0, 0, 0].
    step_mm
        Edge of the cubic voxels.
    shape
        Voxels along the three axes.
    """

    origin_mm: tuple[float, float, float]
    step_mm: float
    shape: tuple[int, int, int]

    def ticks(self, axis: int) -> Field:
        """Return the world coordinates along one axis."""
        steps = np.arange(self.shape[axis]) * self.step_mm + self.origin_mm[axis]
        return steps.astype(np.float32)

    def box(self, low: Triple, high: Triple) -> tuple[slice, slice, slice] | None:
        """Return the slices between two world corners, or None if they miss the array."""
        parts = []
        for axis in range(3):
            first = int(np.floor((low[axis] - self.origin_mm[axis]) / self.step_mm))
            last = int(np.ceil((high[axis] - self.origin_mm[axis]) / self.step_mm)) + 1
            first, last = max(first, 0), min(last, self.shape[axis])
            if first >= last:
                return None
            parts.append(slice(first, last))
        return parts[0], parts[1], parts[2]

    def points(self, box: tuple[slice, slice, slice], frame: Frame | None = None) -> Points:
        """Return the coordinates of the voxels in `box`, local to `frame` if one is given."""
        ticks = [self.ticks(axis)[part] for axis, part in enumerate(box)]
        world = np.meshgrid(*ticks, indexing="ij")
        if frame is None:
            return world[0], world[1], world[2]
        away = [w - np.float32(c) for w, c in zip(world, frame.centre, strict=True)]
        turn = frame.axes.astype(np.float32)
        local = [sum(turn[i, j] * away[i] for i in range(3)) for j in range(3)]
        return local[0], local[1], local[2]

    def around(self, frame: Frame, low: Triple, high: Triple) -> tuple[slice, slice, slice] | None:
        """Return the slices that enclose a box given in the coordinates of `frame`."""
        corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1)
        placed = frame.centre[:, None] + frame.axes @ corners
        return self.box(placed.min(axis=1).tolist(), placed.max(axis=1).tolist())


def bar(
    points: Points,
    start: Triple,
    end: Triple,
    radii: tuple[float, float],
    stretch: Triple = (1.0, 1.0, 1.0),
) -> Field:
    """Return the distance to a rounded bar from `start` to `end`.

    The radius changes linearly between `radii`; `stretch` lengthens the section along an axis.
    """
    line = [(e - s) / k for s, e, k in zip(start, end, stretch, strict=True)]
    length = sum(c * c for c in line) or 1e-6
    away = [
        (p - np.float32(s)) / np.float32(k) for p, s, k in zip(points, start, stretch, strict=True)
    ]
    along = np.clip(sum(a * np.float32(c / length) for a, c in zip(away, line, strict=True)), 0, 1)
    square = sum((a - along * np.float32(c)) ** 2 for a, c in zip(away, line, strict=True))
    radius = np.float32(radii[0]) + along * np.float32(radii[1] - radii[0])
    return np.asarray(np.sqrt(square) - radius, dtype=np.float32)


def ellipsoid(points: Points, centre: Triple, half: Triple) -> Field:
    """Return the distance to an ellipsoid with half axes `half`."""
    away = [p - np.float32(c) for p, c in zip(points, centre, strict=True)]
    ratio = np.sqrt(sum((a / np.float32(h)) ** 2 for a, h in zip(away, half, strict=True)))
    far = np.sqrt(sum(a * a for a in away))
    return _radial(far, ratio, min(half))


def tube(points: Points, centre: tuple[float, float], half: tuple[float, float]) -> Field:
    """Return the distance to an endless upright elliptic tube."""
    right, anterior = points[0] - np.float32(centre[0]), points[1] - np.float32(centre[1])
    ratio = np.sqrt((right / np.float32(half[0])) ** 2 + (anterior / np.float32(half[1])) ** 2)
    far = np.sqrt(right**2 + anterior**2)
    return _radial(far, ratio, min(half))


def _radial(far: Field, ratio: Field, least: float) -> Field:
    """Return the distance along the ray from the centre, and `-least` at the centre itself."""
    along = far * (1 - 1 / np.maximum(ratio, 1e-3))
    return np.asarray(np.where(ratio > 1e-3, along, -least), dtype=np.float32)


def pillar(points: Points, half: tuple[float, float], lower: Field, upper: Field) -> Field:
    """Return the distance to an elliptic column between two height fields.

    `half` are its half width and half depth; the rims are rounded.
    """
    side = tube(points, (0.0, 0.0), half)
    cap = np.maximum(points[2] - upper, lower - points[2])
    return -blend(-side, -cap, 3.0)


def blend(first: Field, second: Field, width: float = 2.0) -> Field:
    """Return the union of two solids with a fillet of about `width` mm."""
    overlap = np.maximum(np.float32(width) - np.abs(first - second), 0)
    return np.asarray(np.minimum(first, second) - overlap**2 / np.float32(4 * width))
