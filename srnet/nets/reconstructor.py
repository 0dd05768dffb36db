"""Every network as the rest of the package sees it: `Views` to a volume.

The output activation, common to every network.

Fewer than one voxel in a hundred is bone, so all-zero is a strong attractor: a
plain ReLU whose every input has gone negative gets no gradient and stays dead.
The revivable ReLU has the same values, exact zeros included, but lets through
those gradients of clamped voxels that would raise them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from srnet.nets.body import Body
from srnet.physics.precision import full_precision
from srnet.physics.views import Views


class _RevivableThreshold(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, faintest: float) -> Tensor:
        clamped = values <= faintest
        ctx.save_for_backward(clamped)
        return values.masked_fill(clamped, 0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        (clamped,) = ctx.saved_tensors
        return gradient.masked_fill(clamped & (gradient > 0), 0), None


def revivable_threshold(values: Tensor, faintest: float) -> Tensor:
    """Return `values` with 0 for those up to `faintest`; a descent step may raise these."""
    result: Tensor = _RevivableThreshold.apply(values, faintest)  # type: ignore[no-untyped-call]
    return result


def revivable_relu(values: Tensor) -> Tensor:
    """Return max(values, 0); a descent step may raise clamped values, not lower them."""
    return revivable_threshold(values, 0.0)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "revivable": revivable_relu,
    "relu": torch.relu,
}


def start_awake(final: nn.Conv2d | nn.Conv3d) -> float:
    """Set the final bias so that the output starts near 0.02; return the factor of the output.

    An optimiser with steps of one size a weight, such as Adam, moves the output
    by the sum over the final convolution's inputs: a kernel of 7^3 taps leaves
    the range of the targets, and the gradient, in one step. The output is
    therefore divided by the number of inputs of a value, like a mean.
    """
    inputs = final.weight[0].numel()
    factor = min(0.1, 64 / inputs)
    if final.bias is not None:
        nn.init.constant_(final.bias, 0.02 / factor)
    return factor


_SHARPNESS = 20.0
_LEAST = 1e-5
_FAINTEST = 0.01
"""What is fainter is background. Bone is at least 0.4; what interpolation leaves at
its edge seldom falls below 0.01."""


def _positive(values: Tensor) -> Tensor:
    return softplus(values, beta=_SHARPNESS) + _LEAST


class Reconstructor(nn.Module):
    """A body and the output activation that all networks share.

    Parameters
    ----------
    body
        The network proper.
    activation
        Makes its values ones of at least 0, see `srnet.nets.reconstructor`.
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
