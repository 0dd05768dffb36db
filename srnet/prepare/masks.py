"""Operations on boolean volumes in mm: connected pieces, closing, filling.

The part of an array that matters.
"""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.imaging.volume import Axis

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


Spacing = tuple[float, float, float]


def largest_piece(mask: Mask) -> Mask:
    """Return the largest 6-connected piece; of equal ones, the first."""
    labels = _label(mask)
    sizes = np.bincount(labels.reshape(-1))
    if len(sizes) <= 2:
        return mask
    sizes[0] = 0
    return np.asarray(labels == np.argmax(sizes))


def keep_cortical_pieces(mask: Mask, cortex: Mask, smallest: float, fraction: float) -> Mask:
    """Return the 26-connected pieces that are large enough and have a cortex.

    Parameters
    ----------
    mask
        Candidates.
    cortex
        Voxels as dense as cortical bone.
    smallest
        Least number of voxels of a piece.
    fraction
        Least share of cortical voxels of a piece.
    """
    labels = _label(mask, corners=True)
    sizes = np.bincount(labels[mask], minlength=1)
    dense = np.bincount(labels[mask & cortex], minlength=len(sizes))
    keep = (sizes >= smallest) & (dense >= fraction * sizes)
    keep[0] = False
    return np.asarray(keep[labels])


def core(mask: Mask, depth_mm: float, spacing_mm: Spacing) -> Mask:
    """Return the voxels around which a ball of radius `depth_mm` lies within `mask`."""
    # The farthest neighbours first: they leave few voxels to ask for the others.
    steps = np.array(spacing_mm)
    offsets = np.array(_ball(depth_mm, spacing_mm))
    offsets = offsets[np.argsort(-np.sum((offsets * steps) ** 2, axis=1), kind="stable")]
    # Nothing is known beyond the edge of the image: there is no ball.
    margin = [(reach, reach) for reach in np.abs(offsets).max(axis=0).tolist()]
    padded = np.pad(mask, margin)
    flat = padded.reshape(-1)
    found = np.flatnonzero(flat)
    for offset in offsets @ np.array(padded.strides):
        found = found[flat[found + offset]]
    inner = np.zeros_like(flat)
    inner[found] = True
    inside = tuple(
        slice(low, low + size) for (low, _), size in zip(margin, mask.shape, strict=True)
    )
    return inner.reshape(padded.shape)[inside]


def close_gaps(mask: Mask, radius_mm: float, spacing_mm: Spacing) -> Mask:
    """Return the closing of `mask` with a ball; nothing changes where voxels are larger."""
    offsets = _ball(radius_mm, spacing_mm)
    reach = max(max(abs(step) for step in offset) for offset in offsets)
    if reach == 0:
        return mask
    # Bone that the edge of the image cuts goes on beyond it.
    padded = np.pad(mask, reach, mode="edge")
    closed = ~dilate(~dilate(padded, offsets), offsets)
    inner = slice(reach, -reach)
    return mask | closed[inner, inner, inner]


def _ball(radius_mm: float, spacing_mm: Spacing) -> list[tuple[int, ...]]:
    """Return the offsets, in voxels, of all neighbours within the radius."""
    reach = [int(radius_mm / spacing) for spacing in spacing_mm]
    offsets = product(*(range(-n, n + 1) for n in reach))
    steps = np.array(spacing_mm)
    return [o for o in offsets if np.sum((np.array(o) * steps) ** 2) <= radius_mm**2]


def dilate(mask: Mask, offsets: list[tuple[int, ...]]) -> Mask:
    """Return the union of `mask` moved by each offset; nothing enters from outside."""
    grown = mask.copy()
    for offset in offsets:
        target = tuple(
            slice(max(o, 0), n + min(o, 0)) for o, n in zip(offset, mask.shape, strict=True)
        )
        origin = tuple(
            slice(max(-o, 0), n - max(o, 0)) for o, n in zip(offset, mask.shape, strict=True)
        )
        grown[target] |= mask[origin]
    return grown


def fill_holes(
    mask: Mask, hu: NDArray[Any], normal: Axis, largest: float, lowest_mean_hu: float
) -> Mask:
    """Fill the holes of `mask` in every slice perpendicular to `normal`.

    Parameters
    ----------
    mask, hu
        Bone and the values of the scan, same shape.
    normal
        Axis along which the slices follow each other.
    largest
        Most voxels of a hole in its slice.
    lowest_mean_hu
        Holes with a lower mean stay open.
    """
    box = bounding_box(mask, margin=1)
    outside, values = ~mask[box], hu[box]
    labels = _label_slices(outside, normal)
    hole = np.bincount(labels.reshape(-1), minlength=1) <= largest
    hole[0] = False
    for axis in Axis:
        if axis != normal:
            hole[np.unique(labels.take([0, -1], axis=axis))] = False
    candidate = hole[labels]
    enclosed, dense = labels[candidate], values[candidate] - lowest_mean_hu
    hole &= np.bincount(enclosed, weights=dense, minlength=len(hole)) >= 0
    filled = mask.copy()
    filled[box] |= hole[labels]
    return filled


def _label(mask: Mask, corners: bool = False) -> NDArray[np.uint32]:
    """Return the number, from 1, of the piece that each voxel of a mask is part of, or 0.

    SciPy's labelling takes longer to import than most scans to be labelled.
    """
    import SimpleITK as sitk  # noqa: N813 - the name that its users know

    image = sitk.GetImageFromArray(mask.view(np.uint8))
    return np.asarray(sitk.GetArrayFromImage(sitk.ConnectedComponent(image, corners)))


def _label_slices(mask: Mask, normal: Axis) -> NDArray[np.uint32]:
    """Return the numbers of the 4-connected pieces within each slice perpendicular to `normal`."""
    # One picture, in which an empty row parts each slice from the next.
    stack = np.pad(np.moveaxis(mask, normal, 0), ((0, 0), (0, 1), (0, 0)))
    labels = _label(stack.reshape(-1, stack.shape[2])).reshape(stack.shape)
    return np.moveaxis(labels[:, :-1], 0, normal)
