"""Where reconstructions differ most from the truth, and how that is drawn."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from srnet.figures.panel import finish_key

__all__ = ["difference_key", "draw_box", "mean_difference", "worst_window"]

BOX = "#ff5a36"


def mean_difference(
    truth: NDArray[np.float32], made: Iterable[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the mean over `made` of the absolute difference from `truth`, voxel by voxel."""
    total = np.zeros_like(truth)
    count = 0
    for array in made:
        total += np.abs(array - truth)
        count += 1
    return total / np.float32(max(count, 1))


def worst_window(
    difference: NDArray[np.float32], fraction: float = 0.25
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return first index and shape of the window that holds most of `difference`.

    The window spans `fraction` of every axis and lies wholly inside the array.
    """
    shape = tuple(max(1, round(n * fraction)) for n in difference.shape)
    means = uniform_filter(difference, size=shape, mode="constant")
    # uniform_filter centres its window at index n // 2 of it.
    valid = tuple(slice(s // 2, n - (s - 1) // 2) for n, s in zip(means.shape, shape, strict=True))
    corner = np.unravel_index(int(means[valid].argmax()), means[valid].shape)
    return tuple(int(c) for c in corner), shape


def draw_box(axes: Axes, corner_mm: tuple[float, float], size_mm: tuple[float, float]) -> None:
    """Draw a dashed box; corner (down, right) from the top left, size (height, width)."""
    axes.add_patch(
        Rectangle(
            (corner_mm[1], corner_mm[0]),
            size_mm[1],
            size_mm[0],
            fill=False,
            edgecolor=BOX,
            linestyle=(0, (3, 1.5)),
            linewidth=0.9,
        )
    )


def difference_key(axes: Axes, image: AxesImage, unit: float) -> None:
    """Draw the key of a difference map; a difference of 1 stands for `unit` HU."""
    bar = axes.figure.colorbar(image, cax=axes, orientation="horizontal")
    limit = image.get_clim()[1]
    bar.set_ticks([-limit, 0, limit])
    bar.set_ticklabels([f"{value * unit:+.0f}" if value else "0" for value in (-limit, 0, limit)])
    finish_key(bar, "minus truth, HU")
