"""The output activation, common to every network.

Fewer than one voxel in a hundred is bone, so all-zero is a strong attractor: a
plain ReLU whose every input has gone negative gets no gradient and stays dead.
The revivable ReLU has the same values, exact zeros included, but lets through
those gradients of clamped voxels that would raise them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["ACTIVATIONS", "revivable_relu", "revivable_threshold", "start_awake"]


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
