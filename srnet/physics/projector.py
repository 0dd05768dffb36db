"""A differentiable cone-beam projector for the two orthogonal views.

The geometry is that of `srnet.imaging.geometry`: in the isocentre plane, row r and column c of
an x-ray see row r and column c of the volume. A slice perpendicular to the view's axis, at
depth d beyond the isocentre (away from the source), is then seen magnified about the axis: the
ray of pixel p meets it at voxel `p (1 + d / source)`, counted from the centre, whatever the
voxel size in the plane. One view is hence

    A x = length * sum over slices of  W_d x_d W_d^T

with W_d the linear interpolation along one image axis, and `length` the path
of a ray through a slice. This is what trilinear ray casting computes, as two
matrix products, and its transpose is as cheap.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from srnet.imaging.geometry import View


@dataclass(frozen=True)
class Projection:
    """The projector of one view for a batch, and its exact transpose.

    Attributes
    ----------
    view
        Which of the two.
    weights
        (N, S, S, S) interpolation of slice d (axis 1), from voxels (axis 3) to
        pixels (axis 2).
    length_mm
        (N, S, S) path of the ray of each pixel through one slice.
    """

    view: View
    weights: Tensor
    length_mm: Tensor

    def forward(self, volume: Tensor) -> Tensor:
        """Return the line integrals (N, S, S) of `volume` (N, S, S, S), times mm."""
        samples, size = volume.shape[0], volume.shape[-1]
        slices = volume.permute(self.view.to_frame(leading=1))
        columns = slices @ self.weights.transpose(-1, -2)
        rows = self.weights.transpose(1, 2).reshape(samples, size, size * size)
        return self.length_mm * (rows @ columns.reshape(samples, size * size, size))

    def transpose(self, image: Tensor) -> Tensor:
        """Return the back-projection (N, S, S, S) of `image` (N, S, S), times mm."""
        weighted = (self.length_mm * image).unsqueeze(1)
        slices = self.weights.transpose(-1, -2) @ weighted @ self.weights
        return slices.permute(self.view.to_volume(leading=1))

    def sensitivity(self) -> Tensor:
        """Return the back-projection (N, S, S, S) of ones: 0 in voxels that no ray meets."""
        return self.transpose(torch.ones_like(self.length_mm))


def projections(spacing_mm: Tensor, size: int, source_mm: Tensor) -> tuple[Projection, Projection]:
    """Build the AP and the lateral projector of a batch in float32.

    Parameters
    ----------
    spacing_mm
        (N, 3) voxel size along the three axes of the volume.
    size
        Edge S of volume and x-rays.
    source_mm
        (N,) distance from source to isocentre, the centre of the volume; it lies
        outside (`srnet.physics.views.make_views` sees to that).
    """
    spacing, source = spacing_mm.float(), source_mm.float().view(-1, 1)
    centred = torch.arange(size, device=spacing.device) - (size - 1) / 2
    ap, lateral = (_projection(view, spacing, centred, source) for view in View)
    return ap, lateral


def _projection(view: View, spacing: Tensor, centred: Tensor, source: Tensor) -> Projection:
    depth = -view.source_side * centred * spacing[:, view.depth, None]
    magnified = (1 + depth / source)[:, :, None] * centred
    # A hat function at every voxel is linear interpolation, zero outside.
    weights = (1 - (magnified[..., None] - centred).abs()).clamp_(min=0)
    rows = (centred * spacing[:, 0, None] / source)[:, :, None]
    columns = (centred * spacing[:, view.columns, None] / source)[:, None, :]
    step = spacing[:, view.depth].view(-1, 1, 1)
    return Projection(view, weights, step * (1 + rows**2 + columns**2).sqrt())
