"""Pictures at another size or brightness."""

import numpy as np

from srnet.clinical.pixels import Grey

__all__ = ["normalise", "resize", "shrink"]


def resize(grey: Grey, shape: tuple[int, int]) -> Grey:
    """Return the picture at another size, low-passed where it shrinks."""
    if grey.shape == shape:
        return grey
    from skimage.transform import resize as skimage_resize

    # Blocks first: the Gaussian for a large film would be as large as the film is.
    small = shrink(grey, min(n // (2 * m) for n, m in zip(grey.shape, shape, strict=True)))
    return np.asarray(
        skimage_resize(small, shape, order=1, anti_aliasing=True, mode="edge"), np.float32
    )


def shrink(grey: Grey, factor: int) -> Grey:
    """Return means of blocks of `factor` pixels a side; what does not fill a block is cut."""
    if factor <= 1:
        return grey
    rows, columns = (n // factor for n in grey.shape)
    inside = grey[: rows * factor, : columns * factor]
    return np.asarray(inside.reshape(rows, factor, columns, factor).mean(axis=(1, 3)), np.float32)


def normalise(grey: Grey) -> Grey:
    """Return the picture divided by its own maximum, as the training x-rays are."""
    top = float(grey.max())
    return grey / np.float32(top) if top > 0 else grey
