"""What all networks share: the output activation, and the way from x-rays to a volume.

A network of this package is a `Body` inside a `Reconstructor`, which adds the output
activation and, where the settings ask for it, ML-EM updates against the x-rays.

Fewer than one voxel in a hundred is bone, so that an empty volume is a strong attractor
of every training. Behind a plain ReLU it is final: where all inputs are negative, no
gradient passes. The revivable ReLU has the same values, exact zeros included, but passes
those gradients that would raise a clamped value.
"""

from collections.abc import Callable
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from srnet.physics.precision import full_precision
from srnet.physics.views import Views


class Body(nn.Module):
    """A network without its output activation: two x-rays to one volume.

    Subclasses implement `forward`, from (N, 2, S, S) images in [0, 1] to (N, 1, S, S, S)
    values before the activation; axes: craniocaudal, anteroposterior, left-right.
    """

    last: ClassVar[str]
    """Path of the convolution that computes the returned values; it has a bias."""

    @property
    def final(self) -> nn.Conv2d | nn.Conv3d:
        """Return the convolution that computes the returned values."""
        return cast(nn.Conv2d | nn.Conv3d, self.get_submodule(self.last))

    def published(self, image: Tensor) -> object:
        """Run all layers of the published network, also those whose output is not used.

        Operations are counted on this path; it differs from `forward` where the
        published network has further outputs.
        """
        return self(image)


class _RevivableThreshold(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, threshold: float) -> Tensor:
        clamped = values <= threshold
        ctx.save_for_backward(clamped)
        return values.masked_fill(clamped, 0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        (clamped,) = ctx.saved_tensors
        return gradient.masked_fill(clamped & (gradient > 0), 0), None


def revivable_threshold(values: Tensor, threshold: float) -> Tensor:
    """Return `values`, those up to `threshold` as 0; gradient descent can only raise these."""
    result: Tensor = _RevivableThreshold.apply(values, threshold)  # type: ignore[no-untyped-call]
    return result


def revivable_relu(values: Tensor) -> Tensor:
    """Return max(values, 0); gradient descent can only raise clamped values."""
    return revivable_threshold(values, 0.0)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "revivable": revivable_relu,
    "relu": torch.relu,
}


def init_output_bias(final: nn.Conv2d | nn.Conv3d) -> float:
    """Set the final bias so that the output starts near 0.02; return a factor for the output.

    Adam changes every weight by about the same amount, and the output by the sum over all
    inputs of the final convolution: with a 7^3 kernel it would leave the range of the
    targets in one step. The output is therefore multiplied by a factor that falls with the
    number of inputs, as in a mean.
    """
    factor = min(0.1, 64 / final.weight[0].numel())
    if final.bias is not None:
        nn.init.constant_(final.bias, 0.02 / factor)
    return factor


class Reconstructor(nn.Module):
    """A body and its output activation.

    Parameters
    ----------
    body
        The network proper.
    activation
        Function that returns values of at least 0.
    """

    def __init__(self, body: Body, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.body = body
        self.activation = activation
        self.factor = init_output_bias(body.final)

    def forward(self, views: Views) -> Tensor:
        """Return (N, 1, S, S, S) float32 network values, at least 0."""
        return self.apply_physics(self.before_physics(views), views)

    def before_physics(self, views: Views) -> Tensor:
        """Return the activated output of the body, (N, 1, S, S, S) float32."""
        values: Tensor = self.body(views.image)
        return self.activation(self.factor * values.float())

    def apply_physics(self, volume: Tensor, views: Views) -> Tensor:
        """Return the final volume; without physics that is `volume` itself."""
        del views
        return volume


_SOFTPLUS_BETA = 20.0
_SMALLEST_START = 1e-5
_BACKGROUND = 0.01
"""Values up to this are background. Bone is at least 0.4, and what interpolation leaves
at its edge is seldom below 0.01."""


def _positive(values: Tensor) -> Tensor:
    return softplus(values, beta=_SOFTPLUS_BETA) + _SMALLEST_START


class PhysicsReconstructor(Reconstructor):
    """A body that is followed by ML-EM updates against the line integrals of both views.

    The updates multiply the volume and could not change a zero, so that the activation is
    a softplus plus a small constant. After the updates, values up to 0.01 become the exact
    zeros that a ReLU gives the other networks.

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

    def apply_physics(self, volume: Tensor, views: Views) -> Tensor:
        """Return `volume` after the updates, with exact zeros for the background."""
        with full_precision(volume.device):
            updated: Tensor = self.updates(volume, views)
        return revivable_threshold(updated, _BACKGROUND)
