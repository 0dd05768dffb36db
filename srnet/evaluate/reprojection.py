"""How well the DRRs of a reconstruction agree with the x-rays that it was made from.

Such a measure needs no CT, so it is there for patients' films too. A good agreement is
necessary, not sufficient: two views leave much of a volume open. X-rays of the test set have a
known scale, and `reprojection_error` compares line integrals; films have none, and
`view_consistency` compares grey values.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.imaging.geometry import ConeBeam, View
from srnet.imaging.target import TARGET_MAX
from srnet.imaging.volume import Grid, Volume
from srnet.imaging.xray import Grey, normalise
from srnet.prepare.project_drr import cast_rays


def reprojection_error(
    prediction: NDArray[np.float32],
    integrals_hu_mm: NDArray[np.float32],
    beam: ConeBeam,
    spacing_mm: tuple[float, float, float],
) -> float:
    """Return how far the DRRs of a reconstruction are from its input x-rays.

    Parameters
    ----------
    prediction
        Network values (S, S, S), clipped to [0, 1] here.
    integrals_hu_mm
        Line integrals that the two x-rays show, (2, S, S), AP then lateral.
    beam
        Geometry in which the x-rays were made.
    spacing_mm
        Distance of voxel centres along the three axes.

    Returns
    -------
    float
        Sum of absolute differences over both views, as a share of the sum of
        the x-rays: 0 for the target, 1 for an empty volume; NaN if the x-rays
        are empty or their scale is unknown.
    """
    content = float(integrals_hu_mm.sum(dtype=np.float64))
    if content == 0:
        return float("nan")
    levels = np.asarray(np.clip(prediction, 0, 1) * TARGET_MAX, dtype=np.float32)
    grid = Grid((levels.shape[0], levels.shape[1], levels.shape[2]), spacing_mm, (0.0, 0.0, 0.0))
    drrs = np.stack([cast_rays(Volume(levels, grid), beam, view) for view in View])
    return float(np.abs(drrs - integrals_hu_mm).sum(dtype=np.float64)) / content


@dataclass(frozen=True)
class ViewConsistency:
    """How the DRR of one view agrees with the film as the network saw it.

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


def view_consistency(drr: Grey, film: Grey) -> ViewConsistency:
    """Compare a DRR with the film, both (S, S) in [0, 1]."""
    ours, theirs = drr.astype(np.float64).ravel(), film.astype(np.float64).ravel()
    varied = ours.std() > 0 and theirs.std() > 0
    correlation = float(np.corrcoef(ours, theirs)[0, 1]) if varied else 0.0
    gain = float(ours @ theirs) / max(float(ours @ ours), 1e-12)
    difference = float(np.abs(gain * ours - theirs).sum()) / max(float(theirs.sum()), 1e-12)
    return ViewConsistency(correlation, difference)
