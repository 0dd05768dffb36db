"""3DSRNet (Figs 1 to 4): the two-view trunk of X2CT with ASPP, SRCT and SRTE.

The three modules stand between encoder and decoder and are shared by both
views. Each can be switched off, and the paper's text and the authors' later
release differ in where SRCT and SRTE stand; both readings are here.
"""

from collections.abc import Callable
from functools import partial

from srnet.config.nets import Srnet3dSettings
from srnet.nets.aspp import Aspp
from srnet.nets.body import Body
from srnet.nets.encoder import map_sizes, skip_channels
from srnet.nets.refinement import Chain, Refinement
from srnet.nets.srct_deformable import DeformableSrct
from srnet.nets.srct_pyramid import PyramidSrct
from srnet.nets.srte import StemSrte, TextSrte
from srnet.nets.x2ct import X2ctMultiView

__all__ = ["build"]


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
    refinement = Chain(aspp=aspp, srct=srct[net.srct](), srte=srte[net.srte]())
    return X2ctMultiView(size, width, refinement)
