"""End-to-end bone reconstruction (Kasten et al. 2020), reference [33], called ETE in the paper.

Both x-rays are repeated along their viewing axes and are the two channels of a volume,
which a network like V-Net turns into bone: residual stages of 3 x 3 x 3 convolutions, max
pooling, concatenated skips. Written from a public summary, since the original states its
channels in a figure only; channels and repetitions here are V-Net's. The original predicts
classes of four bones; here one value per voxel is regressed.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from srnet.config.nets import EteSettings
from srnet.nets.layers import SlicewiseConv3d, conv_norm_relu, repeat_views, scaled
from srnet.nets.reconstructor import Body

_CHANNELS = (16, 32, 64, 128, 256)
_REPEATS = (1, 1, 2, 2, 2)


def build(net: EteSettings, size: int) -> Body:
    """Return the body of ETE for (N, 2, size, size) x-rays."""
    del size
    return Ete(net.width or 1.0)


class _Stage(nn.Module):
    """Convolutions whose result is added to the input, brought to the same channels."""

    def __init__(self, inputs: int, outputs: int, repeats: int) -> None:
        super().__init__()
        self.skip = nn.Identity() if inputs == outputs else nn.Conv3d(inputs, outputs, 1)
        counts = [inputs] + [outputs] * repeats
        self.layers = nn.Sequential(*(conv_norm_relu(*pair) for pair in pairwise(counts)))

    def forward(self, volume: Tensor) -> Tensor:
        return torch.relu(self.layers(volume) + self.skip(volume))


class Ete(Body):
    """Two repeated x-rays to one volume by a 3-D network; width 1 has V-Net's channels."""

    last = "head"

    def __init__(self, width: float) -> None:
        super().__init__()
        channels = [scaled(count, width) for count in _CHANNELS]
        steps = zip(pairwise([2, *channels]), _REPEATS, strict=True)
        self.down = nn.ModuleList(_Stage(*pair, repeats) for pair, repeats in steps)
        self.pool = nn.MaxPool3d(2)
        pairs = list(pairwise(channels[::-1]))
        self.grow = nn.ModuleList(
            nn.ConvTranspose3d(below, here, 2, stride=2) for below, here in pairs
        )
        self.up = nn.ModuleList(
            _Stage(2 * here, here, repeats)
            for (_, here), repeats in zip(pairs, _REPEATS[-2::-1], strict=True)
        )
        self.head = SlicewiseConv3d(channels[0], 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return (N, 1, S, S, S) values before the activation."""
        features = [self.down[0](repeat_views(image))]
        for stage in self.down[1:]:
            features.append(stage(self.pool(features[-1])))
        volume = features.pop()
        for grow, stage in zip(self.grow, self.up, strict=True):
            volume = stage(torch.cat([grow(volume), features.pop()], dim=1))
        values: Tensor = self.head(volume)
        return values
