"""The part of an array that matters."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Mask", "bounding_box"]

Mask = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


def bounding_box(mask: Mask, margin: int = 0) -> Box:
    """Return the slices that enclose all of `mask`, widened by `margin` inside the array.

    An empty mask has an empty box.
    """
    others = (1, 2), (0, 2), (0, 1)
    zero, one, two = (_span(np.any(mask, axis=axes), margin) for axes in others)
    return zero, one, two


def _span(side: Mask, margin: int) -> slice:
    indices = np.flatnonzero(side)
    if indices.size == 0:
        return slice(0, 0)
    return slice(max(int(indices[0]) - margin, 0), int(indices[-1]) + 1 + margin)
