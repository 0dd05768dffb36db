"""Single-image tomography (Henzler et al. 2018), reference [36], called SIT in the paper.

A 2-D residual network whose skips are added; its last channels are the coronal slices of
the volume. It reads the AP x-ray at twice the resolution of the volume, here enlarged
bilinearly. The structure is that of the public re-implementation that accompanies X2CT.
The original's second stage, which adds detail from a higher resolution, is left out: at
128 there is none.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from srnet.config.nets import SitSettings
from srnet.nets.layers import scaled
from srnet.nets.reconstructor import Body

_STEM = 64
_FIRST = 128
_INNER = 256
_LEVELS = 3
_BLOCKS = 3
_DEEPEST_BLOCKS = 5


def build(net: SitSettings, size: int) -> Body:
    """Return the body of SIT for (N, 2, size, size) x-rays, of which it reads the first."""
    return Sit(size, net.width or 1.0)


def _unit(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


class _Block(nn.Module):
    """1 x 1, 3 x 3 and 3 x 3 convolutions, added to the input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        inner = max(1, outputs // 2)
        self.layers = nn.Sequential(
            *_unit(inputs, inner, 1), *_unit(inner, inner, 3), *_unit(inner, outputs, 3)
        )
        same = inputs == outputs
        self.skip = nn.Identity() if same else nn.Sequential(*_unit(inputs, outputs, 1))

    def forward(self, feature: Tensor) -> Tensor:
        return torch.relu(self.layers(feature) + self.skip(feature))


def _blocks(channels: int, count: int) -> list[nn.Module]:
    return [_Block(channels, channels) for _ in range(count)]


def _double(channels: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, channels, 4, 2, padding=1, groups=channels, bias=False)


class Sit(Body):
    """One x-ray to the coronal slices of a volume."""

    last = "slices"

    def __init__(self, size: int, width: float) -> None:
        super().__init__()
        stem, first, inner = (scaled(count, width) for count in (_STEM, _FIRST, _INNER))
        self.enter = nn.Sequential(
            *_unit(1, stem, 7, stride=2),
            _Block(stem, first),
            *_blocks(first, 2),
            _Block(first, inner),
        )
        self.down = nn.ModuleList(
            nn.Sequential(nn.MaxPool2d(2), *_blocks(inner, _BLOCKS)) for _ in range(_LEVELS)
        )
        self.bottom = nn.Sequential(
            nn.MaxPool2d(2), *_blocks(inner, _DEEPEST_BLOCKS), _double(inner)
        )
        self.up = nn.ModuleList(
            nn.Sequential(_Block(inner, inner), _double(inner)) for _ in range(_LEVELS)
        )
        self.leave = nn.Sequential(*_unit(inner, inner, 1))
        self.slices = nn.Conv2d(inner, size, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return (N, 1, S, S, S) values before the activation."""
        enlarged = interpolate(image[:, :1], scale_factor=2, mode="bilinear")
        features = [self.enter(enlarged)]
        for stage in self.down:
            features.append(stage(features[-1]))
        feature = self.bottom(features[-1])
        for stage, skip in zip(self.up, features[:0:-1], strict=True):
            feature = stage(feature + skip)
        slices: Tensor = self.slices(self.leave(feature + features[0]))
        # The AP view's depth is the anteroposterior axis, second in the volume.
        return slices.transpose(1, 2).unsqueeze(1)
