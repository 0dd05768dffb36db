"""PatRecon: its bottleneck, and its levels at smaller sizes."""

from typing import Any

import pytest
import torch

from srnet.config.nets import PsrSettings
from srnet.nets.registry import build_body

SIZE = 32


@pytest.fixture
def body():
    torch.manual_seed(0)
    return build_body(PsrSettings(width=0.125), SIZE)


def test_a_bottleneck_without_light_still_learns(body):
    """All slices come from one channel behind a ReLU, here negative throughout."""
    with torch.no_grad():
        body.decoder[-1].weight.copy_(-body.decoder[-1].weight.abs())
    values = body(torch.rand(2, 2, SIZE, SIZE))
    assert torch.equal(values[:, :, 0], values[:, :, -1])
    (values - 1).square().mean().backward()
    assert body.encoder[0].halve.weight.grad.abs().max() > 0


def test_a_smaller_size_loses_the_widest_level():
    with torch.device("meta"):
        nets: Any = [build_body(PsrSettings(width=1), size) for size in (128, 64)]
    deep, shallow = nets
    widest = [max(parameter.shape[0] for parameter in net.parameters()) for net in nets]
    assert widest == [4096, 2048]
    assert len(deep.encoder) == len(shallow.encoder) + 1
