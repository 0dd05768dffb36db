"""How well a reconstruction explains the x-rays that it was made from.

How well the DRRs of a reconstruction agree with the films that it was made from.

Where no CT exists this is the one honest measure of confidence: it needs no
truth. It is necessary, not sufficient; two views leave much of a volume open.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.evaluate.metrics import FULL_SCALE, Array
from srnet.imaging.geometry import ConeBeam, View
from srnet.imaging.volume import Grid, Volume
from srnet.imaging.xray import Grey, normalise
from srnet.prepare.project_drr import cast_rays


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


@dataclass(frozen=True)
class ViewConsistency:
    """How one view's own DRR agrees with the film as the network saw it.

    Attributes
    ----------
    correlation
        Pearson correlation of the pixels, 1 at best; 0 where the DRR is empty.
    difference
        Sum of absolute differences as a share of the film's sum, after the DRR
        was scaled to fit best, since a film has no scale: 0 at best.
    """

    correlation: float
    difference: float

    def plain(self) -> dict[str, float]:
        """Return the numbers by name, rounded for reading."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def reproject(volume: Volume, beam: ConeBeam) -> dict[View, Grey]:
    """Return the DRRs of a volume of network values, each divided by its maximum."""
    clipped = Volume(np.clip(volume.array, 0, 1), volume.grid)
    return {view: normalise(cast_rays(clipped, beam, view)) for view in View}


def compare(drr: Grey, film: Grey) -> ViewConsistency:
    """Compare a DRR with the film, both (S, S) in [0, 1]."""
    ours, theirs = drr.astype(np.float64).ravel(), film.astype(np.float64).ravel()
    varied = ours.std() > 0 and theirs.std() > 0
    correlation = float(np.corrcoef(ours, theirs)[0, 1]) if varied else 0.0
    gain = float(ours @ theirs) / max(float(ours @ ours), 1e-12)
    difference = float(np.abs(gain * ours - theirs).sum()) / max(float(theirs.sum()), 1e-12)
    return ViewConsistency(correlation, difference)
