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


def test_the_lateral_image_is_not_looked_at(body):
    image = torch.rand(2, 2, SIZE, SIZE)
    other = image.clone()
    other[:, 1] = torch.rand(2, SIZE, SIZE)
    with torch.no_grad():
        body.eval()
        assert torch.equal(body(image), body(other))


def test_slices_stand_one_behind_the_other_as_the_ap_view_sees_them(body):
    torch.nn.init.zeros_(body.slices.weight)
    with torch.no_grad():
        body.slices.bias.copy_(torch.arange(SIZE))
        volume = body(torch.rand(2, 2, SIZE, SIZE))
    for depth in range(SIZE):
        assert (volume[:, :, :, depth, :] == depth).all()


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
