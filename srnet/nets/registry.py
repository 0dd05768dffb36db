"""The networks by name.

A new network needs a file here with a function `build`, a line in `NETS`, and a settings
class in `srnet.config.nets`.
"""

from typing import Any, Protocol

from srnet.config.nets import Net
from srnet.nets import ete, psr, sit, srnet3d, x2ct
from srnet.nets.layers import to_channels_last
from srnet.nets.reconstructor import ACTIVATIONS, Body, PhysicsReconstructor, Reconstructor


class Builder(Protocol):
    """Build a network from its settings."""

    def __call__(self, net: Any, size: int) -> Body:
        """Return the body for (N, 2, size, size) x-rays."""


NETS: dict[str, Builder] = {
    "x2ct": x2ct.build,
    "srnet3d": srnet3d.build,
    "psr": psr.build,
    "sit": sit.build,
    "ete": ete.build,
}
"""The builder of each network by its name in the settings, which is that of its module."""


def build_body(net: Net, size: int) -> Body:
    """Return the network without its output activation, for x-rays of `size` pixels a side."""
    return NETS[net.name](net, size)


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
        from srnet.physics.mlem import Mlem

        return PhysicsReconstructor(body, Mlem(size, net.sweeps))
    return Reconstructor(body, ACTIVATIONS[net.output])
