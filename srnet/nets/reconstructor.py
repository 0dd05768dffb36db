"""Every network as the rest of the package sees it: `Views` to a volume."""

from torch import Tensor, nn
from torch.nn.functional import softplus

from srnet.nets.activation import ACTIVATIONS, revivable_threshold, start_awake
from srnet.nets.body import Body, full_precision
from srnet.nets.views import Views

__all__ = ["PhysicsReconstructor", "Reconstructor"]

_SHARPNESS = 20.0
_FLOOR = 1e-5
_FAINTEST = 0.01
"""What is fainter is background. Bone is at least 0.4; what interpolation leaves at
its edge seldom falls below 0.01."""


class Reconstructor(nn.Module):
    """A body and the output activation that all networks share.

    Parameters
    ----------
    body
        The network proper.
    output
        Name of the activation in `srnet.nets.activation.ACTIVATIONS`.
    """

    def __init__(self, body: Body, output: str) -> None:
        super().__init__()
        self.body = body
        self.activation = ACTIVATIONS[output]
        self.factor = start_awake(body.final)

    def forward(self, views: Views) -> Tensor:
        """Return (N, 1, S, S, S) float32 network values, at least 0."""
        values: Tensor = self.body(views.image)
        return self.activation(self.factor * values.float())


class PhysicsReconstructor(nn.Module):
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
        super().__init__()
        self.body = body
        self.updates = updates
        self.factor = start_awake(body.final)

    def forward(self, views: Views) -> Tensor:
        """Return (N, 1, S, S, S) float32 network values, at least 0."""
        values: Tensor = self.body(views.image)
        with full_precision(values.device):
            start = softplus(self.factor * values.float(), beta=_SHARPNESS) + _FLOOR
            volume: Tensor = self.updates(start, views)
        return revivable_threshold(volume, _FAINTEST)
