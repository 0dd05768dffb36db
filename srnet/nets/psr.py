"""PatRecon (Shen et al. 2019), reference [34], called PSR in the paper: one AP x-ray.

A deep 2-D encoder ends in a 4 x 4 map of 4096 channels, which is read as a volume and
decoded in 3-D; the depth of the last volume becomes the channels of an image, and a 1 x 1
convolution turns these into slices.

The public network needs 2609 G operations, the row in the paper's Table I 111.6 G, so the
paper's was an unpublished, narrower one. The public one reads 128 x 128 x-rays; smaller
sizes leave out the widest levels. Its last layer has neither bias nor activation; here it
has a bias, and the activation that all networks share.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from srnet.config.nets import PsrSettings
from srnet.nets.layers import scaled
from srnet.nets.reconstructor import Body, revivable_relu

_FIRST = 256
_DECODED = (1024, 512, 256, 128, 64)
_BASE = 4


def build(net: PsrSettings, size: int) -> Body:
    """Return the body of PatRecon for (N, 2, size, size) x-rays, of which it reads the first."""
    return Psr(size, net.width or 1.0)


class _Down(nn.Module):
    """Halve the map; then a 3 x 3 convolution whose result is added before the ReLU."""

    def __init__(self, inputs: int, outputs: int, *, first: bool) -> None:
        super().__init__()
        halve = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
        self.halve = halve if first else nn.Sequential(halve, nn.BatchNorm2d(outputs), nn.ReLU())
        self.refine = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, feature: Tensor) -> Tensor:
        halved = self.halve(feature)
        return torch.relu(halved + self.refine(halved))


def _up(inputs: int, outputs: int, *, refine: bool) -> nn.Sequential:
    """Double the volume and, if asked, refine it, both by transposed convolutions."""
    convolutions = [nn.ConvTranspose3d(inputs, outputs, 4, stride=2, padding=1, bias=False)]
    if refine:
        convolutions.append(nn.ConvTranspose3d(outputs, outputs, 3, padding=1, bias=False))
    units = ((each, nn.BatchNorm3d(outputs), nn.ReLU()) for each in convolutions)
    return nn.Sequential(*(layer for unit in units for layer in unit))


class Psr(Body):
    """One x-ray to one volume by a bottleneck without skips; size 128 has all five levels."""

    last = "slices"

    def __init__(self, size: int, width: float) -> None:
        super().__init__()
        levels = int(math.log2(size // _BASE))
        channels = [scaled(_FIRST << level, width, multiple=2) for level in range(levels)]
        self.encoder = nn.Sequential(
            *(_Down(*pair, first=i == 0) for i, pair in enumerate(pairwise([1, *channels])))
        )
        bottom, deep = channels[-1], channels[-1] // 2
        self.flat = nn.Sequential(nn.Conv2d(bottom, bottom, 1, bias=False), nn.ReLU())
        self.deep = nn.Sequential(nn.ConvTranspose3d(deep, deep, 1, bias=False), nn.ReLU())
        decoded = [scaled(count, width) for count in _DECODED[len(_DECODED) - levels :]]
        self.decoder = nn.Sequential(
            *(_up(*pair, refine=i > 0) for i, pair in enumerate(pairwise([deep, *decoded]))),
            nn.ConvTranspose3d(decoded[-1], 1, 1, bias=False),
        )
        self.slices = nn.Conv2d(size // 2, size, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return (N, 1, S, S, S) values before the activation."""
        flat = self.flat(self.encoder(image[:, :1]))
        batch, channels, rows, columns = flat.shape
        volume = self.decoder(self.deep(flat.view(batch, channels // 2, 2, rows, columns)))
        # All slices come from this one channel: a plain ReLU here could block all gradients.
        volume = revivable_relu(volume)
        slices: Tensor = self.slices(volume[:, 0])
        # The AP view's depth is the anteroposterior axis, second in the volume.
        return slices.transpose(1, 2).unsqueeze(1)
