"""The 2-D encoder of X2CT-GAN and 3DSRNet (solid lines of Fig. 1, left of Fig. 2).

A stem and densely connected stages; every stage halves the map. Written for
the published 128 x 128 input and shortened for smaller ones: 64 loses the
fourth stage, 32 the third as well, so that all end on a 4 x 4 map.
"""

import math

import torch
from torch import Tensor, nn

from srnet.nets.body import scaled

__all__ = ["BASE", "Encoder", "map_sizes", "skip_channels"]

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
