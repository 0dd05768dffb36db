"""The trunk of X2CT-GAN and 3DSRNet (Figs 1 and 2): encoder, lifts, decoder.

The 2-D encoder (left of Fig. 2) has a stem and densely connected stages, each of which
halves the map. It is written for the published 128 x 128 input: at 64 the fourth stage is
left out, at 32 the third as well, so that all end on a 4 x 4 map. Lifts turn maps into
volumes in the frame of one view, [depth along its viewing axis, rows, columns]: the bottom
connection is the linear layer drawn white in Fig. 2, the skips repeat a map along the
viewing axis. The 3-D decoder (right of Fig. 2) serves a single view in its own frame and
the fusion of two views in the frame of the CT. A `Refinement` changes the features of a
view on their way; the modules of 3DSRNet are refinements.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from srnet.nets.layers import RepeatedConv3d, SlicewiseConv3d, conv_norm_relu, scaled, with_norm

_LAYERS = (6, 12, 24, 16)
_LAST_LAYERS = 6
_GROWTH = 32
_STEM = 64
_BASE_CHANNELS = 256
_CHANNELS = {8: 128, 16: 64, 32: 32, 64: 16, 128: 16}
BASE = 4
"""Edge of the map that the last stage returns, and of the volume that the decoder starts from."""


def map_sizes(size: int) -> list[int]:
    """Return the edges of all maps that have a skip, the stem's first: 128, 64, 32, 16, 8."""
    return [size >> level for level in range(int(math.log2(size // BASE)))]


class _DenseLayer(nn.Module):
    """Pre-activated bottleneck whose `growth` new channels are appended to its input."""

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
    """Return a strided convolution, a dense block, and a 1 x 1 that halves the channels."""
    modules = _pre_activated(channels, nn.Conv2d(channels, channels, 3, stride=2, padding=1))
    for _ in range(layers):
        modules.append(_DenseLayer(channels, growth))
        channels += growth
    if halve:
        modules += _pre_activated(channels, nn.Conv2d(channels, channels // 2, 1))
    return nn.Sequential(*modules)


def skip_channels(size: int, width: float) -> list[int]:
    """Return the channels of all maps that have a skip, the stem's first.

    As published: 64, 128, 256, 512, 512.
    """
    counts = [scaled(_STEM, width)]
    for layers in _LAYERS[: len(map_sizes(size)) - 1]:
        counts.append((counts[-1] + layers * scaled(_GROWTH, width)) // 2)
    return counts


class Encoder(nn.Module):
    """Stem, stages with a skip each, and a last stage whose output is averaged to a vector.

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
        """Return the (N, C) mean of the last stage's 4 x 4 output for the coarsest skip map."""
        pooled: Tensor = self.last(feature).mean(dim=(2, 3))
        return pooled


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
    """Map (N, C, E, E) to volume (N, D, E, E, E): 1 x 1, repetition in depth, 3 x 3 x 3."""

    def __init__(self, channels: int, edge: int, width: float) -> None:
        super().__init__()
        depth_channels = volume_channels(edge, width)
        self.flat = nn.Sequential(
            nn.Conv2d(channels, depth_channels, 1), nn.InstanceNorm2d(depth_channels), nn.ReLU()
        )
        self.deep = with_norm(RepeatedConv3d(depth_channels, edge), depth_channels)

    def forward(self, feature: Tensor) -> Tensor:
        """Return the volume, depth first."""
        volume: Tensor = self.deep(self.flat(feature))
        return volume


def _doubling(inputs: int, outputs: int) -> nn.Sequential:
    up = nn.ConvTranspose3d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
    return with_norm(up, outputs)


class Level(nn.Module):
    """The decoder at one resolution: join with the skip, refine, and double the edge.

    `repeats` counts the refining convolutions; `next_channels` is None at the finest level,
    which does not double.
    """

    def __init__(self, channels: int, repeats: int, next_channels: int | None) -> None:
        super().__init__()
        self.join = conv_norm_relu(2 * channels, channels)
        self.refine = nn.Sequential(*(conv_norm_relu(channels, channels) for _ in range(repeats)))
        self.grow = nn.Identity() if next_channels is None else _doubling(channels, next_channels)

    def joined(self, below: Tensor, skip: Tensor) -> Tensor:
        """Return the skip joined with `below`, the doubled volume of the coarser level."""
        volume: Tensor = self.join(torch.cat([below, skip], dim=1))
        return volume

    def forward(self, joined: Tensor) -> Tensor:
        """Return the refined volume, doubled except at the finest level."""
        volume: Tensor = self.grow(self.refine(joined))
        return volume


class Decoder(nn.Module):
    """From the 4^3 base volume to one value per voxel, before the activation.

    `edges` are those of the levels, coarsest first; `repeats` counts the refining
    convolutions of a level, of which the finest always has one.
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


def pass_through(join: nn.Conv2d, first: int = 0) -> None:
    """Initialise a 1 x 1 convolution to return its input channels from `first` on.

    Whatever else it joins enters with weight 0, so that a network starts as its trunk.
    """
    nn.init.zeros_(join.weight)
    if join.bias is not None:
        nn.init.zeros_(join.bias)
    nn.init.eye_(join.weight.data[:, first : first + join.out_channels, 0, 0])


class Refinement(nn.Module):
    """Changes of the features of one view at three places.

    Subclasses override some of the methods. An instance of this class itself applies named
    parts, one after the other, and without any changes nothing.
    """

    def __init__(self, **parts: "Refinement") -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    @property
    def _parts(self) -> list["Refinement"]:
        return [part for part in self.children() if isinstance(part, Refinement)]

    def encoded(self, level: int, feature: Tensor) -> Tensor:
        """Return the map of encoder level `level` (0: stem) for all later layers."""
        for part in self._parts:
            feature = part.encoded(level, feature)
        return feature

    def skipped(self, features: list[Tensor], encoded: list[Tensor]) -> list[Tensor]:
        """Return the maps that are lifted, finest first.

        Parameters
        ----------
        features
            The maps after the refinements before this one.
        encoded
            The maps of the encoder, for refinements that run in parallel.
        """
        for part in self._parts:
            features = part.skipped(features, encoded)
        return features

    def lifted(self, volumes: list[Tensor]) -> list[Tensor]:
        """Return the lifted skips, finest first, for the decoder."""
        for part in self._parts:
            volumes = part.lifted(volumes)
        return volumes
