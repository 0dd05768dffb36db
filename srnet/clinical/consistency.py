"""How well the DRRs of a reconstruction agree with the films that it was made from.

Where no CT exists this is the one honest measure of confidence: it needs no
truth. It is necessary, not sufficient; two views leave much of a volume open.
"""

from dataclasses import asdict, dataclass

import numpy as np

from srnet.clinical.pixels import Grey
from srnet.clinical.resize import normalise
from srnet.prepare.geometry import ConeBeam, View
from srnet.prepare.project_drr import cast_rays
from srnet.volume import Volume

__all__ = ["ViewConsistency", "compare", "reproject"]


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
