"""3DSRNet (Figs 1 to 4): the two-view trunk of X2CT-GAN with ASPP, SRCT and SRTE.

The three modules stand between encoder and decoder, are shared by both views, and can be
switched off one by one. The paper's text and the authors' later release differ in where
SRCT and SRTE stand; both readings are implemented.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from srnet.config.nets import Srnet3dSettings
from srnet.nets.reconstructor import Body
from srnet.nets.srct_deformable import DeformableSrct
from srnet.nets.srct_pyramid import PyramidSrct
from srnet.nets.srte import StemSrte, TextSrte
from srnet.nets.trunk import Refinement, map_sizes, pass_through, skip_channels
from srnet.nets.x2ct import X2ctMultiView

_RATES = (6, 12, 18)


class Aspp(Refinement):
    """Atrous spatial pyramid pooling (section III.A, Fig. 2, reference [45]).

    Five parallel branches, joined by a 1 x 1 convolution, without normalisation or
    activation. The text does not say which maps it reads. Here it reads the coarsest skip
    map, 8 x 8, before both the skip and the last encoder stage: only there do the
    operations of the whole network come near the paper's number.

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
        dilated = (nn.Conv2d(channels, channels, 3, padding=r, dilation=r) for r in _RATES)
        self.local = nn.ModuleList([nearest, *dilated])
        self.join = nn.Conv2d((2 + len(_RATES)) * channels, channels, 1)
        pass_through(nearest)
        pass_through(self.join, first=channels)

    def encoded(self, level: int, feature: Tensor) -> Tensor:
        """Return the map joined with its surroundings at several scales, if it is `level`'s."""
        if level != self.level:
            return feature
        overall: Tensor = self.pooled(feature.mean(dim=(2, 3), keepdim=True))
        branches = [overall.expand_as(feature), *(branch(feature) for branch in self.local)]
        joined: Tensor = self.join(torch.cat(branches, dim=1))
        return joined


def build(net: Srnet3dSettings, size: int) -> Body:
    """Return the body of 3DSRNet for (N, 2, size, size) x-rays."""
    width = net.width or 1.0
    edges, channels = map_sizes(size), skip_channels(size, width)
    srct: dict[str, Callable[[], Refinement]] = {
        "pyramid": partial(PyramidSrct, channels, width),
        "deformable": partial(DeformableSrct, width),
        "off": Refinement,
    }
    srte: dict[str, Callable[[], Refinement]] = {
        "text": partial(TextSrte, channels, edges, width),
        "stem": partial(StemSrte, channels, edges, width),
        "off": Refinement,
    }
    aspp = Aspp(channels[-1], level=len(edges) - 1) if net.aspp else Refinement()
    refinement = Refinement(aspp=aspp, srct=srct[net.srct](), srte=srte[net.srte]())
    return X2ctMultiView(size, width, refinement)
