"""Ordered-subset ML-EM: volumes that agree with both x-rays.

One update multiplies a positive volume x by `A^T(p / A x) / A^T 1`, with p the
measured line integrals of one view and A its projector. Alternating between
the views is the two-view case of iterative proportional fitting. Every step is
differentiable, so that a network can be trained through it.
"""

import torch
from torch import Tensor, nn

from srnet.physics.precision import full_precision
from srnet.physics.projector import Projection, projections
from srnet.physics.views import Views

_EPSILON = 1e-6


def mlem_update(
    volume: Tensor, measured: Tensor, projection: Projection, sensitivity: Tensor
) -> Tensor:
    """Return one ML-EM update of `volume` (N, S, S, S) by one view (N, S, S).

    Voxels that no ray of the view meets keep their value. `sensitivity` is the
    projection's own, which several updates share.
    """
    ratio = measured / projection.forward(volume).clamp(min=_EPSILON)
    update = projection.transpose(ratio) / sensitivity.clamp(min=_EPSILON)
    return volume * torch.where(sensitivity > _EPSILON, update, 1.0)


def fit_to_views(volume: Tensor, views: Views, sweeps: int = 1) -> Tensor:
    """Return `volume` (N, 1, S, S, S) after `sweeps` updates by AP, then lateral.

    Computes in float32 whatever the autocast, since ratios of line integrals
    need the precision. `views.integral` holds the line integrals in network
    values times mm.
    """
    with full_precision(volume.device):
        fitted = volume[:, 0].float()
        pair = projections(views.spacing_mm, volume.shape[-1], views.source_mm)
        measured = views.integral.float().unbind(dim=1)
        sensitivities = [projection.sensitivity() for projection in pair]
        for _ in range(sweeps):
            for view in zip(measured, pair, sensitivities, strict=True):
                fitted = mlem_update(fitted, *view)
    return fitted[:, None]


def seen_by_both(views: Views) -> Tensor:
    """Return (N, 1, S, S, S): 1 in voxels that rays of both views meet, 0 elsewhere.

    The detectors cover the volume in the isocentre plane; nearer to the source
    the outermost voxels lie beside the beam.
    """
    samples, _, size, _ = views.integral.shape
    seen = torch.ones((samples, size, size, size), device=views.integral.device)
    for projection in projections(views.spacing_mm, size, views.source_mm):
        seen *= projection.sensitivity() > 0
    return seen[:, None]


class Mlem(nn.Module):
    """The last layer of a network that knows its projector.

    Parameters
    ----------
    size
        Edge of volumes and x-rays.
    sweeps
        Updates by each view, in turn.
    """

    def __init__(self, size: int, sweeps: int = 1) -> None:
        super().__init__()
        self.size = size
        self.sweeps = sweeps

    def forward(self, volume: Tensor, views: Views) -> Tensor:
        """Return a positive volume (N, 1, S, S, S) after the updates."""
        return fit_to_views(volume, views, self.sweeps)

    def extra_repr(self) -> str:
        """Return the settings, for the printed network."""
        return f"size={self.size}, sweeps={self.sweeps}"
