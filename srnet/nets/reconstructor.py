"""Every network as the rest of the package sees it: `Views` to a volume."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import softplus

from srnet.nets.activation import revivable_threshold, start_awake
from srnet.nets.body import Body
from srnet.nets.precision import full_precision
from srnet.nets.views import Views

__all__ = ["PhysicsReconstructor", "Reconstructor"]

_SHARPNESS = 20.0
_FLOOR = 1e-5
_FAINTEST = 0.01
"""What is fainter is background. Bone is at least 0.4; what interpolation leaves at
its edge seldom falls below 0.01."""


def _positive(values: Tensor) -> Tensor:
    return softplus(values, beta=_SHARPNESS) + _FLOOR


class Reconstructor(nn.Module):
    """A body and the output activation that all networks share.

    Parameters
    ----------
    body
        The network proper.
    activation
        Makes its values ones of at least 0, see `srnet.nets.activation`.
    """

    def __init__(self, body: Body, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.body = body
        self.activation = activation
        self.factor = start_awake(body.final)

    def forward(self, views: Views) -> Tensor:
        """Return (N, 1, S, S, S) float32 network values, at least 0."""
        return self.finish(self.start(views), views)

    def start(self, views: Views) -> Tensor:
        """Return what the network itself makes of the x-rays, (N, 1, S, S, S) float32."""
        values: Tensor = self.body(views.image)
        return self.activation(self.factor * values.float())

    def finish(self, start: Tensor, views: Views) -> Tensor:
        """Return the volume that becomes of `start`: here, itself."""
        del views
        return start


class PhysicsReconstructor(Reconstructor):
    """A body that ends in ML-EM updates against the line integrals of both views.

    The updates multiply, so their start must be positive everywhere: softplus
    and a floor, not a ReLU, whose zeros no update could leave. After them the
    faintest values become the exact zeros that every other network's ReLU gives.

    Parameters
    ----------
    body
        The network proper.
    updates
        Module from a positive volume (N, 1, S, S, S) and `Views` to a volume.
    """

    def __init__(self, body: Body, updates: nn.Module) -> None:
        super().__init__(body, _positive)
        self.updates = updates

    def finish(self, start: Tensor, views: Views) -> Tensor:
        """Return `start` after the updates, its faintest values 0."""
        with full_precision(start.device):
            volume: Tensor = self.updates(start, views)
        return revivable_threshold(volume, _FAINTEST)
