"""The 3-D decoder of X2CT-GAN and 3DSRNet (dotted lines of Fig. 1, right of Fig. 2).

The same layers serve a single view, in its own frame, and the fusion of two
views, in the frame of the CT.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from srnet.nets.convolution import SlicewiseConv3d
from srnet.nets.encoder import BASE
from srnet.nets.lift import volume_channels
from srnet.nets.normalisation import InstanceNorm3d

__all__ = ["Decoder", "Level"]


def _normalised(convolution: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(convolution, InstanceNorm3d(channels), nn.ReLU())


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return _normalised(nn.Conv3d(inputs, outputs, 3, padding=1), outputs)


def _doubling(inputs: int, outputs: int) -> nn.Sequential:
    up = nn.ConvTranspose3d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
    return _normalised(up, outputs)


class Level(nn.Module):
    """One resolution: join with the skip, refine, and double the edge.

    Parameters
    ----------
    channels
        Channels of this level's volumes.
    repeats
        Refining convolutions after the joining one.
    next_channels
        Channels after doubling; None at the finest level, which does not double.
    """

    def __init__(self, channels: int, repeats: int, next_channels: int | None) -> None:
        super().__init__()
        self.join = _convolution(2 * channels, channels)
        self.refine = nn.Sequential(*(_convolution(channels, channels) for _ in range(repeats)))
        self.grow = nn.Identity() if next_channels is None else _doubling(channels, next_channels)

    def joined(self, below: Tensor, skip: Tensor) -> Tensor:
        """Return `below`, the doubled volume of the coarser level, joined with the skip."""
        volume: Tensor = self.join(torch.cat([below, skip], dim=1))
        return volume

    def forward(self, joined: Tensor) -> Tensor:
        """Return the refined volume, doubled except at the finest level."""
        volume: Tensor = self.grow(self.refine(joined))
        return volume


class Decoder(nn.Module):
    """From the 4^3 base volume to one value a voxel, before the activation.

    Parameters
    ----------
    edges
        Edges of the levels, coarsest first.
    width
        Channels as a fraction of the published.
    repeats
        Refining convolutions of a level; the finest level always has one.
    """

    def __init__(self, edges: Sequence[int], width: float, repeats: int) -> None:
        super().__init__()
        channels = [volume_channels(edge, width) for edge in edges]
        self.start = _doubling(volume_channels(BASE, width), channels[0])
        self.stack = nn.ModuleList(
            [Level(now, repeats, following) for now, following in pairwise(channels)]
            + [Level(channels[-1], 1, None)]
        )
        self.head = SlicewiseConv3d(channels[-1], 7)

    @property
    def levels(self) -> list[Level]:
        """Return the levels, coarsest first."""
        return [level for level in self.stack if isinstance(level, Level)]
