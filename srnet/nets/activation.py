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

__all__ = ["ACTIVATIONS", "revivable_relu", "start_awake"]


class _RevivableRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values > 0)
        return values.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        (positive,) = ctx.saved_tensors
        return torch.where(positive | (gradient < 0), gradient, torch.zeros_like(gradient))


def revivable_relu(values: Tensor) -> Tensor:
    """Return max(values, 0); a descent step may raise clamped values, not lower them."""
    result: Tensor = _RevivableRelu.apply(values)  # type: ignore[no-untyped-call]
    return result


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
