"""Parameters and floating-point operations of a network, counted in two ways.

Networks are built and run on torch's meta device, which computes shapes and
no values: a count takes seconds and no memory at any size.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from srnet.config.nets import Net
from srnet.core.atomic import write_text
from srnet.nets.registry import build_body
from srnet.physics.views import Views


@dataclass(frozen=True)
class Flops:
    """Size and cost of one reconstruction, batch 1.

    Attributes
    ----------
    parameters
        All parameters, frozen ones included.
    true_flops
        Operations of the path that makes the volume, two a multiply-add:
        convolutions and matrix products, attention included.
    paper_flops
        The paper's column: twice the "MACs" that thop counts on the published
        graph. It adds two operations a normalised value, takes transposed
        convolutions at their output's resolution, and misses matrix products.
    """

    parameters: int
    true_flops: int
    paper_flops: int


def measure_flops(net: Net, size: int) -> Flops:
    """Count the parameters and operations of `net` on x-rays of `size` pixels a side.

    ML-EM updates are matrix products and count in the true operations; the
    paper's convention knows no matrix products.
    """
    with torch.device("meta"):
        body = build_body(net, size)
        image = torch.empty(1, 2, size, size)
    parameters = sum(parameter.numel() for parameter in body.parameters())
    with torch.no_grad():
        true_flops = count_true_flops(lambda: body(image)) + _physics_flops(net, size)
        paper_flops = count_paper_flops(body, lambda: body.published(image))
    return Flops(parameters, true_flops, paper_flops)


def _physics_flops(net: Net, size: int) -> int:
    """Return the operations of the ML-EM updates that `net` ends in."""
    if net.physics == "none":
        return 0
    from srnet.physics.mlem import Mlem

    updates = Mlem(size, net.sweeps)
    with torch.device("meta"):
        views = Views(
            torch.empty(1, 2, size, size),
            torch.empty(1, 2, size, size),
            torch.empty(1, 3),
            torch.empty(1),
        )
        start = torch.empty(1, 1, size, size, size)
    return count_true_flops(lambda: updates(start, views))


def write_flops(path: str | Path, flops: Mapping[str, Flops]) -> None:
    """Write the counts of methods by name as JSON."""
    counts = {method: asdict(counted) for method, counted in flops.items()}
    write_text(path, json.dumps(counts, indent=2) + "\n")


def count_true_flops(run: Callable[[], object]) -> int:
    """Return the operations of `run`, such as a forward pass, by torch's own counter."""
    # Torch counts attention only in its plain form, not in fused kernels.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        run()
    return int(counter.get_total_flops())


def count_paper_flops(module: nn.Module, run: Callable[[], object]) -> int:
    """Return twice the MACs that thop 0.1 would count in `run`, a forward pass of `module`."""
    macs = 0

    def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        nonlocal macs
        rule = next((rule for kind, rule in _MACS if isinstance(layer, kind)), None)
        if rule is not None:
            macs += rule(layer, inputs[0], output)

    hooks = [layer.register_forward_hook(add) for layer in module.modules()]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return 2 * macs


def _convolution(layer: Any, values: Tensor, output: Tensor) -> int:
    return output.numel() * int(prod(layer.weight.shape[2:]) * (values.shape[1] // layer.groups))


def _normalisation(layer: Any, values: Tensor, _: Tensor) -> int:
    affine = getattr(layer, "affine", False) or getattr(layer, "elementwise_affine", False)
    return (4 if affine else 2) * values.numel()


def _softmax(layer: Any, values: Tensor, _: Tensor) -> int:
    length = int(values.shape[layer.dim])
    return (3 * length - 1) * (values.numel() // length)


def _adaptive_pool(_: Any, values: Tensor, output: Tensor) -> int:
    return (values[0, 0].numel() // output[0, 0].numel() + 1) * output.numel()


_CONVOLUTIONS = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)
_NORMALISATIONS = (
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.LayerNorm,
    nn.GroupNorm,  # unknown to thop; stands where the published modules normalise by batch
)
_UPSAMPLING = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}
_MACS: tuple[tuple[tuple[type[nn.Module], ...], Callable[[Any, Tensor, Tensor], int]], ...] = (
    (_CONVOLUTIONS, _convolution),
    (_NORMALISATIONS, _normalisation),
    ((nn.Linear,), lambda layer, _, output: layer.in_features * output.numel()),
    ((nn.Softmax,), _softmax),
    ((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), _adaptive_pool),
    ((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), lambda _, __, output: output.numel()),
    ((nn.Upsample,), lambda layer, _, output: output.numel() * _UPSAMPLING.get(layer.mode, 0)),
)
"""Kinds of layers and what thop counts for one, given the layer, its input and its output."""
