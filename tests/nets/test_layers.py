"""Layers that cost less than PyTorch's own and return the same values."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv3d

from srnet.nets.layers import (
    InstanceNorm3d,
    RepeatedConv3d,
    SlicewiseConv3d,
    repeat_views,
    to_channels_last,
)


@pytest.mark.parametrize("edge", [3, 4, 9])
def test_a_repeated_map_is_convolved_as_the_whole_volume(edge):
    layer = RepeatedConv3d(3, edge).double()
    feature = torch.rand(2, 3, 7, 7, dtype=torch.float64)
    whole = feature.unsqueeze(2).expand(-1, -1, edge, -1, -1)
    expected = conv3d(whole, layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(feature), expected)


@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_slices_sum_to_the_volume_convolution(kernel):
    layer = SlicewiseConv3d(5, kernel)
    volume = torch.rand(2, 5, 11, 8, 9, requires_grad=True)
    expected = conv3d(volume, layer.weight, layer.bias, padding=kernel // 2)
    torch.testing.assert_close(layer(volume), expected, rtol=1e-4, atol=1e-5)
    ours, theirs = (
        torch.autograd.grad(result.square().sum(), [volume, layer.weight, layer.bias])
        for result in (layer(volume), expected)
    )
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-3)


def test_the_layout_changes_no_value():
    net = nn.Sequential(nn.Conv3d(2, 4, 3), nn.InstanceNorm3d(4), nn.ReLU(), nn.Conv3d(4, 1, 3))
    volume = torch.rand(1, 2, 9, 9, 9)
    before = net(volume)
    to_channels_last(net)
    torch.testing.assert_close(net(volume), before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("affine", [False, True])
def test_values_and_gradients_are_those_of_pytorchs_own(affine):
    torch.manual_seed(0)
    ours, theirs = InstanceNorm3d(4, affine=affine), nn.InstanceNorm3d(4, affine=affine)
    volume = torch.randn(2, 4, 5, 6, 7, dtype=torch.float64)
    given = [volume.clone().requires_grad_() for _ in range(2)]
    weight = torch.randn_like(volume)
    prediction = [net.double()(each) for net, each in zip((ours, theirs), given, strict=True)]
    for each in prediction:
        (each * weight).sum().backward()
    torch.testing.assert_close(*prediction)
    torch.testing.assert_close(given[0].grad, given[1].grad)


def test_the_layout_of_the_input_is_kept():
    volume = torch.randn(2, 4, 8, 8, 8).contiguous(memory_format=torch.channels_last_3d)
    assert InstanceNorm3d(4)(volume).is_contiguous(memory_format=torch.channels_last_3d)


def test_either_x_ray_is_repeated_along_its_rays():
    image = torch.rand(2, 2, 16, 16)
    volume = repeat_views(image)
    for depth in (0, 9, 15):
        assert torch.equal(volume[:, 0, :, depth, :], image[:, 0])
        assert torch.equal(volume[:, 1, :, :, depth], image[:, 1])
