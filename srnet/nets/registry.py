"""Networks by name. A new one is a file with `build`, a line here, and its settings class."""

import importlib

from srnet.config.nets import Net
from srnet.nets.activation import ACTIVATIONS
from srnet.nets.body import Body
from srnet.nets.convolution import to_channels_last
from srnet.nets.reconstructor import PhysicsReconstructor, Reconstructor

__all__ = ["NETS", "build_body", "build_net"]

NETS = {
    "x2ct": "srnet.nets.x2ct",
    "srnet3d": "srnet.nets.srnet3d",
    "psr": "srnet.nets.psr",
    "sit": "srnet.nets.sit",
    "ete": "srnet.nets.ete",
}
"""Settings name -> module; only the module asked for is imported."""


def build_body(net: Net, size: int) -> Body:
    """Return the network without its output activation, for x-rays of `size` pixels a side."""
    body: Body = importlib.import_module(NETS[net.name]).build(net, size)
    return body


def build_net(net: Net, size: int) -> Reconstructor:
    """Return the network: `forward(views)` gives (N, 1, size, size, size), at least 0.

    Parameters
    ----------
    net
        Settings; an unset width counts as 1, the published one.
    size
        32, 64 or 128, the edge of x-rays and volume.
    """
    body = build_body(net, size)
    to_channels_last(body)
    if net.physics == "mlem":
        from srnet.nets.mlem import Mlem

        return PhysicsReconstructor(body, Mlem(size, net.sweeps))
    return Reconstructor(body, ACTIVATIONS[net.output])
