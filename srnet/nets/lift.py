"""From 2-D maps to 3-D volumes, in the frame of one view.

A view's frame is [depth along its viewing axis, rows, columns]. The bottom
connection is the linear layer drawn white in Fig. 2; the skips repeat a map
along the viewing axis.
"""

from torch import Tensor, nn

from srnet.nets.body import scaled
from srnet.nets.convolution import RepeatedConv3d
from srnet.nets.encoder import BASE
from srnet.nets.normalisation import InstanceNorm3d

__all__ = ["BottomLift", "SkipLift", "volume_channels"]

_BASE_CHANNELS = 256
_CHANNELS = {8: 128, 16: 64, 32: 32, 64: 16, 128: 16}


def volume_channels(edge: int, width: float) -> int:
    """Return the channels of volumes with `edge` voxels a side, in lifts and decoders."""
    return scaled(_BASE_CHANNELS if edge == BASE else _CHANNELS[edge], width)


class BottomLift(nn.Module):
    """Pooled vector (N, C) to the decoder's first volume (N, 256, 4, 4, 4)."""

    def __init__(self, pooled_channels: int, width: float) -> None:
        super().__init__()
        self.channels = volume_channels(BASE, width)
        self.layers = nn.Sequential(
            nn.Linear(pooled_channels, self.channels * BASE**3), nn.Dropout(0.5), nn.ReLU()
        )

    def forward(self, pooled: Tensor) -> Tensor:
        """Return the decoder's first volume."""
        volume: Tensor = self.layers(pooled)
        return volume.view(-1, self.channels, BASE, BASE, BASE)


class SkipLift(nn.Module):
    """Map (N, C, E, E) to volume (N, D, E, E, E): 1 x 1, repeat in depth, 3 x 3 x 3."""

    def __init__(self, channels: int, edge: int, width: float) -> None:
        super().__init__()
        depth_channels = volume_channels(edge, width)
        self.flat = nn.Sequential(
            nn.Conv2d(channels, depth_channels, 1), nn.InstanceNorm2d(depth_channels), nn.ReLU()
        )
        self.deep = nn.Sequential(
            RepeatedConv3d(depth_channels, edge),
            InstanceNorm3d(depth_channels),
            nn.ReLU(),
        )

    def forward(self, feature: Tensor) -> Tensor:
        """Return the volume, depth first."""
        volume: Tensor = self.deep(self.flat(feature))
        return volume
