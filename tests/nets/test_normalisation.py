import pytest
import torch
from torch import nn

from srnet.nets.layers import InstanceNorm3d


@pytest.mark.parametrize("affine", [False, True])
def test_values_and_gradients_are_those_of_pytorchs_own(affine):
    torch.manual_seed(0)
    ours, theirs = InstanceNorm3d(4, affine=affine), nn.InstanceNorm3d(4, affine=affine)
    volume = torch.randn(2, 4, 5, 6, 7, dtype=torch.float64)
    given = [volume.clone().requires_grad_() for _ in range(2)]
    weight = torch.randn_like(volume)
    made = [net.double()(each) for net, each in zip((ours, theirs), given, strict=True)]
    for each in made:
        (each * weight).sum().backward()
    torch.testing.assert_close(*made)
    torch.testing.assert_close(given[0].grad, given[1].grad)


def test_the_layout_of_the_input_is_kept():
    volume = torch.randn(2, 4, 8, 8, 8).contiguous(memory_format=torch.channels_last_3d)
    assert InstanceNorm3d(4)(volume).is_contiguous(memory_format=torch.channels_last_3d)
