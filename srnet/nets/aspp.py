"""Atrous spatial pyramid pooling (section III.A, Fig. 2, reference [45]).

The text does not say which maps it reads. It stands on the coarsest skip map,
8 x 8, on the way to both the skip and the last encoder stage, the only place
where the operations of the whole network come near the paper's figure.
"""

import torch
from torch import Tensor, nn

from srnet.nets.refinement import Refinement, pass_through

__all__ = ["Aspp"]

_RATES = (6, 12, 18)


class Aspp(Refinement):
    """Five parallel branches, joined by a 1 x 1 convolution; neither norm nor activation.

    Parameters
    ----------
    channels
        Channels of the map, in and out.
    level
        Encoder level whose map it reads.
    """

    def __init__(self, channels: int, level: int) -> None:
        super().__init__()
        self.level = level
        self.pooled = nn.Conv2d(channels, channels, 1)
        nearest = nn.Conv2d(channels, channels, 1)
        self.local = nn.ModuleList([nearest])
        for rate in _RATES:
            self.local.append(nn.Conv2d(channels, channels, 3, padding=rate, dilation=rate))
        self.join = nn.Conv2d((2 + len(_RATES)) * channels, channels, 1)
        pass_through(nearest)
        pass_through(self.join, first=channels)

    def encoded(self, level: int, feature: Tensor) -> Tensor:
        """Return the map with its surroundings at several scales, at this part's level."""
        if level != self.level:
            return feature
        overall: Tensor = self.pooled(feature.mean(dim=(2, 3), keepdim=True))
        branches = [overall.expand_as(feature), *(branch(feature) for branch in self.local)]
        joined: Tensor = self.join(torch.cat(branches, dim=1))
        return joined
