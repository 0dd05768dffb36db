"""Instance normalisation that keeps the layout of its input."""

import torch
from torch import Tensor, nn

__all__ = ["InstanceNorm3d"]


class InstanceNorm3d(nn.InstanceNorm3d):
    """PyTorch's instance normalisation, as a batch normalisation of each sample.

    PyTorch's own rearranges volumes in channels-last layout, so that every convolution
    after it has to turn them back: on a CPU a block of convolution and normalisation
    takes a third longer.
    """

    def forward(self, volume: Tensor) -> Tensor:
        """Return (N, C, D, H, W) with mean 0 and variance 1 over each channel's voxels."""
        samples = [
            torch.batch_norm(
                *(sample, self.weight, self.bias, None, None, True, 0.0, self.eps, False)
            )
            for sample in volume.split(1)  # type: ignore[no-untyped-call]
        ]
        return torch.cat(samples)
