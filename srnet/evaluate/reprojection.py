"""How well a reconstruction explains the x-rays that it was made from."""

import numpy as np
from numpy.typing import NDArray

from srnet.evaluate.metrics import FULL_SCALE, Array
from srnet.prepare.geometry import ConeBeam, View
from srnet.prepare.project_drr import cast_rays
from srnet.volume import Grid, Volume

__all__ = ["reprojection_error"]


def reprojection_error(
    prediction: Array,
    integrals_hu_mm: NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    beam: ConeBeam,
) -> float:
    """Return how far the DRRs of a reconstruction are from its input x-rays.

    Parameters
    ----------
    prediction
        Network values (S, S, S), clipped to [0, 1] here.
    integrals_hu_mm
        Line integrals that the two x-rays show, (2, S, S), AP then lateral.
    spacing_mm
        Distance of voxel centres along the three axes.
    beam
        Geometry in which the x-rays were made.

    Returns
    -------
    float
        Sum of absolute differences over both views, as a share of the sum of
        the x-rays: 0 for the truth, 1 for an empty volume; NaN if the x-rays
        are empty or their scale is unknown.
    """
    content = float(integrals_hu_mm.sum(dtype=np.float64))
    if content == 0:
        return float("nan")
    levels = np.asarray(np.clip(prediction, 0, 1) * FULL_SCALE, dtype=np.float32)
    grid = Grid((levels.shape[0], levels.shape[1], levels.shape[2]), spacing_mm, (0.0, 0.0, 0.0))
    drrs = np.stack([cast_rays(Volume(levels, grid), beam, view) for view in View])
    return float(np.abs(drrs - integrals_hu_mm).sum(dtype=np.float64)) / content
