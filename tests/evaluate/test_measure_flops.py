import json
import warnings

import pytest
import torch
from torch import nn

from srnet.config.nets import (
    EteSettings,
    PsrSettings,
    SitSettings,
    Srnet3dSettings,
    X2ctSettings,
)
from srnet.evaluate.measure_flops import (
    count_paper_flops,
    count_true_flops,
    measure_flops,
    write_flops,
)
from srnet.nets.discriminator import Discriminator
from srnet.nets.layers import InstanceNorm3d, RepeatedConv3d, SlicewiseConv3d
from srnet.nets.registry import build_body

GIGA = 1e9
MEGA = 1e6


def test_x2ct_is_the_papers_row_exactly():
    flops = measure_flops(X2ctSettings(), size=128)
    assert round(flops.parameters / MEGA, 3) == 61.740
    assert round(flops.paper_flops / GIGA, 3) == 623.345


def test_ml_em_is_counted_among_the_true_operations_only():
    """A product of S^4 multiply-adds twice in each of: projection, its transpose, that of ones."""
    size, sweeps = 32, 3
    plain = measure_flops(EteSettings(), size)
    ended = measure_flops(EteSettings(physics="mlem", sweeps=sweeps), size)
    one = 2 * 2 * size**4
    assert ended.true_flops - plain.true_flops == 2 * one * (2 * sweeps + 1)
    assert (ended.paper_flops, ended.parameters) == (plain.paper_flops, plain.parameters)


def test_x2ct_of_one_view():
    flops = measure_flops(X2ctSettings(views=1), size=128)
    assert round(flops.parameters / MEGA, 3) == 29.384
    assert round(flops.paper_flops / GIGA, 3) == 224.960


@pytest.mark.parametrize(
    ("aspp", "srct", "srte", "paper_flops"),
    [
        (True, "off", "off", 625.561),
        (True, "deformable", "off", 712.979),
        (True, "off", "stem", 690.002),
        (True, "deformable", "stem", 777.420),
    ],
)
def test_3dsrnet_as_released(aspp, srct, srte, paper_flops):
    flops = measure_flops(Srnet3dSettings(aspp=aspp, srct=srct, srte=srte), size=128)
    assert round(flops.paper_flops / GIGA, 3) == paper_flops


@pytest.mark.parametrize(
    ("net", "parameters", "paper_flops"),
    [(PsrSettings(), 588.6, 2609.2), (SitSettings(), 9.1, 52.5)],
)
def test_public_single_view_networks(net, parameters, paper_flops):
    flops = measure_flops(net, size=128)
    assert flops.parameters / MEGA == pytest.approx(parameters, abs=0.05)
    assert flops.paper_flops / GIGA == pytest.approx(paper_flops, abs=0.05)


def test_the_discriminator():
    with torch.device("meta"):
        discriminator = Discriminator()
        image, volume = torch.empty(1, 2, 128, 128), torch.empty(1, 1, 128, 128, 128)
    paper_flops = count_paper_flops(discriminator, lambda: discriminator(image, volume))
    assert paper_flops / 2 / GIGA == pytest.approx(81.7, abs=0.05)


class _Published(nn.Module):
    """The published path of a body as a module."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, image):
        return self.body.published(image)


@pytest.mark.parametrize(
    "net", [X2ctSettings(), PsrSettings(), SitSettings(), EteSettings()], ids=lambda net: net.name
)
def test_the_papers_convention_is_thops(net):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from thop import profile
        from thop.vision.basic_hooks import count_convNd, count_normalization
    body = build_body(net.model_copy(update={"width": 0.125}), 32).eval()
    image = torch.rand(1, 2, 32, 32)
    with torch.no_grad():
        ours = count_paper_flops(body, lambda: body.published(image))
        # Thop knows layers by their exact type.
        ours_as_theirs = dict.fromkeys((RepeatedConv3d, SlicewiseConv3d), count_convNd)
        ours_as_theirs[InstanceNorm3d] = count_normalization
        macs, _ = profile(
            _Published(body), inputs=(image,), custom_ops=ours_as_theirs, verbose=False
        )
    assert ours == 2 * macs


def test_attention_is_counted_in_full():
    class Attend(nn.Module):
        def forward(self, tokens):
            return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)

    tokens = torch.rand(1, 2, 64, 16)
    assert count_true_flops(lambda: Attend()(tokens)) == 2 * 2 * (2 * 64 * 64 * 16)


def test_a_convolution_costs_two_operations_a_multiplication():
    layer = nn.Conv3d(4, 8, 3, padding=1)
    volume = torch.rand(1, 4, 6, 6, 6)
    expected = 2 * 4 * 8 * 27 * 6**3
    assert count_true_flops(lambda: layer(volume)) == expected
    assert count_paper_flops(layer, lambda: layer(volume)) == expected


def test_a_transposed_convolution_is_over_counted_by_the_papers_convention():
    layer = nn.ConvTranspose3d(4, 8, 2, stride=2)
    volume = torch.rand(1, 4, 6, 6, 6)
    true = count_true_flops(lambda: layer(volume))
    assert count_paper_flops(layer, lambda: layer(volume)) == 8 * true


def test_the_file_holds_the_three_counts_of_each_method(tmp_path):
    flops = measure_flops(EteSettings(width=0.25), size=32)
    write_flops(tmp_path / "flops.json", {"ete": flops})
    assert json.loads((tmp_path / "flops.json").read_text(encoding="utf-8")) == {
        "ete": {
            "parameters": flops.parameters,
            "true_flops": flops.true_flops,
            "paper_flops": flops.paper_flops,
        }
    }
