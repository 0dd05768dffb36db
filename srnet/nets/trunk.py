"""The 2-D encoder of X2CT-GAN and 3DSRNet (solid lines of Fig. 1, left of Fig. 2).

A stem and densely connected stages; every stage halves the map. Written for
the published 128 x 128 input and shortened for smaller ones: 64 loses the
fourth stage, 32 the third as well, so that all end on a 4 x 4 map.

From 2-D maps to 3-D volumes, in the frame of one view.

A view's frame is [depth along its viewing axis, rows, columns]. The bottom
connection is the linear layer drawn white in Fig. 2; the skips repeat a map
along the viewing axis.

The 3-D decoder of X2CT-GAN and 3DSRNet (dotted lines of Fig. 1, right of Fig. 2).

The same layers serve a single view, in its own frame, and the fusion of two
views, in the frame of the CT.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from srnet.nets.body import scaled
from srnet.nets.layers import InstanceNorm3d, RepeatedConv3d, SlicewiseConv3d

_LAYERS = (6, 12, 24, 16)
_LAST_LAYERS = 6
_GROWTH = 32
_STEM = 64
BASE = 4
"""Edge of the map that the last stage leaves, and of the volume that the decoder starts from."""


def map_sizes(size: int) -> list[int]:
    """Return the map edges of stem and stages that have a skip, e.g. 128, 64, 32, 16, 8."""
    return [size >> level for level in range(int(math.log2(size // BASE)))]


class _DenseLayer(nn.Module):
    """Pre-activated bottleneck whose `growth` new maps join its input."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 4 * growth, 1),
            nn.InstanceNorm2d(4 * growth),
            nn.ReLU(),
            nn.Conv2d(4 * growth, growth, 3, padding=1),
        )

    def forward(self, feature: Tensor) -> Tensor:
        return torch.cat([feature, self.layers(feature)], dim=1)


def _pre_activated(channels: int, convolution: nn.Conv2d) -> list[nn.Module]:
    return [nn.InstanceNorm2d(channels), nn.ReLU(), convolution]


def _stage(channels: int, layers: int, growth: int, *, halve: bool) -> nn.Sequential:
    """Return one stage: strided convolution, dense block, and a 1 x 1 that halves the channels."""
    modules = _pre_activated(channels, nn.Conv2d(channels, channels, 3, stride=2, padding=1))
    for _ in range(layers):
        modules.append(_DenseLayer(channels, growth))
        channels += growth
    if halve:
        modules += _pre_activated(channels, nn.Conv2d(channels, channels // 2, 1))
    return nn.Sequential(*modules)


def skip_channels(size: int, width: float) -> list[int]:
    """Return the channels of stem and stages that have a skip; 64, 128, 256, 512, 512."""
    counts = [scaled(_STEM, width)]
    for layers in _LAYERS[: len(map_sizes(size)) - 1]:
        counts.append((counts[-1] + layers * scaled(_GROWTH, width)) // 2)
    return counts


class Encoder(nn.Module):
    """Stem, stages with a skip each, and a last stage that is pooled to a vector.

    Attributes
    ----------
    pooled_channels
        Length of the pooled vector; 704 as published.
    """

    def __init__(self, size: int, width: float) -> None:
        super().__init__()
        growth, channels = scaled(_GROWTH, width), skip_channels(size, width)
        self.stem = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(1, channels[0], 7),
            nn.InstanceNorm2d(channels[0]),
            nn.ReLU(),
        )
        self.stages = nn.ModuleList(
            _stage(count, layers, growth, halve=True)
            for count, layers in zip(channels[:-1], _LAYERS, strict=False)
        )
        self.last = _stage(channels[-1], _LAST_LAYERS, growth, halve=False)
        self.pooled_channels = channels[-1] + _LAST_LAYERS * growth

    def pool(self, feature: Tensor) -> Tensor:
        """Run the last stage on the coarsest skip map; (N, C) mean over its 4 x 4 output."""
        pooled: Tensor = self.last(feature).mean(dim=(2, 3))
        return pooled


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
