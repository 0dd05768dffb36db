"""What every network of the registry guarantees."""

from typing import Any

import pytest
import torch

from srnet.config.nets import NETWORKS, parse_net
from srnet.config.run import Config
from srnet.nets.registry import NETS, build_body, build_net

VARIANTS: dict[str, dict[str, Any]] = {
    "x2ct": {"name": "x2ct"},
    "x2ct, one view": {"name": "x2ct", "views": 1},
    "srnet3d": {"name": "srnet3d"},
    "srnet3d, released": {"name": "srnet3d", "srct": "deformable", "srte": "stem"},
    "psr": {"name": "psr"},
    "sit": {"name": "sit"},
    "ete": {"name": "ete"},
    "ete, physics": {"name": "ete", "physics": "mlem"},
}
SIZE = 32


def settings(variant, width=0.125):
    return parse_net({**VARIANTS[variant], "width": width})


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param


@pytest.fixture
def net(variant):
    torch.manual_seed(0)
    return build_net(settings(variant), SIZE)


def test_every_settings_class_has_a_builder_a_label_and_a_default_method():
    assert sorted(NETS) == sorted(NETWORKS)
    assert len({network.label for network in NETWORKS.values()}) == len(NETWORKS)
    methods = Config().methods
    for name, network in NETWORKS.items():
        assert isinstance(network.label, str)
        assert "label" not in network().plain()
        assert methods[name].net == network()


def test_a_volume_of_the_right_shape_comes_out(net, views, volume):
    prediction = net(views)
    assert prediction.shape == volume.shape
    assert prediction.dtype == torch.float32
    assert prediction.min() >= 0


def test_exact_zeros_are_possible(variant, net, views):
    torch.nn.init.constant_(net.body.final.bias, -1e4)
    empty = (net(views) == 0).float().mean()
    # With physics an empty volume becomes a back-projection, 0 where rays meet no bone.
    assert 0.5 < empty < 1 if "physics" in variant else empty == 1


def test_the_output_starts_alive_and_small(net, views):
    prediction = net(views)
    assert 0 < prediction.mean() < 0.2
    assert prediction.std() < 0.3


def test_gradient_reaches_every_trained_parameter(net, views, volume):
    """After a step: modules that start as the identity hand on nothing before it."""
    net.train()
    (net(views) - volume).square().mean().backward()
    torch.optim.Adam(net.parameters(), lr=1e-3).step()
    net.zero_grad()
    (net(views) - volume).square().mean().backward()
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            # A bias before a normalisation has no influence, its gradient is rounding.
            assert name.endswith("bias") or parameter.grad.abs().max() > 0, name


def test_nothing_is_saved_twice(net):
    tensors = list(net.state_dict().values())
    filled = [tensor for tensor in tensors if tensor.numel()]
    assert len({tensor.data_ptr() for tensor in filled}) == len(filled)


@pytest.mark.parametrize(("size", "width"), [(32, 0.1), (64, 0.6), (128, 1.3)])
def test_every_size_and_width_fits_together(variant, size, width):
    with torch.device("meta"):
        body = build_body(settings(variant, width), size)
        assert body(torch.empty(1, 2, size, size)).shape == (1, 1, size, size, size)


def test_the_batch_does_not_mix(net, views, volume):
    net.eval()
    with torch.no_grad():
        both = net(views)
        alone = net(type(views)(*(tensor[1:] for tensor in views)))
    assert (both[1:] - alone).norm() < 0.01 * alone.norm()


def test_half_precision_gives_float32_and_stays_near(net, views):
    net.eval()
    with torch.no_grad():
        exact = net(views)
        with torch.autocast("cpu", torch.bfloat16):
            rough = net(views)
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() < 0.1 * exact.norm()
