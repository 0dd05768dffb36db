"""3DSRNet: its switches, its start as X2CT-GAN, and ASPP."""

import pytest
import torch

from srnet.config.nets import Srnet3dSettings, X2ctSettings
from srnet.nets.registry import build_body
from srnet.nets.srnet3d import Aspp

SIZE = 32
SWITCHES = [
    ("aspp", False),
    ("srct", "off"),
    ("srte", "off"),
    ("srct", "deformable"),
    ("srte", "stem"),
]


def build(**changes):
    torch.manual_seed(0)
    return build_body(Srnet3dSettings(width=0.125, **changes), SIZE).eval()


def shapes(body):
    return {name: tuple(tensor.shape) for name, tensor in body.state_dict().items()}


@pytest.mark.parametrize(("switch", "value"), SWITCHES)
def test_a_switch_changes_exactly_the_module_it_names(switch, value):
    plain, changed = shapes(build()), shapes(build(**{switch: value}))
    differing = {name for name in plain | changed if plain.get(name) != changed.get(name)}
    assert differing
    assert all(name.startswith(f"refinement.{switch}.") for name in differing)


def test_without_its_modules_it_is_x2ct():
    torch.manual_seed(0)
    x2ct = build_body(X2ctSettings(width=0.125), SIZE).eval()
    bare = build(aspp=False, srct="off", srte="off")
    image = torch.rand(1, 2, SIZE, SIZE)
    with torch.no_grad():
        assert torch.equal(bare(image), x2ct(image))


@pytest.mark.parametrize("srte", ["text", "stem"])
def test_it_starts_as_x2ct(srte):
    body = build(srte=srte)
    x2ct = build_body(X2ctSettings(width=0.125), SIZE).eval()
    absent = body.load_state_dict(x2ct.state_dict(), strict=False)
    assert not absent.unexpected_keys
    image = torch.rand(1, 2, SIZE, SIZE)
    with torch.no_grad():
        assert torch.equal(body(image), x2ct(image))


@pytest.mark.parametrize("part", ["aspp", "srct", "srte"])
def test_each_module_has_a_say(part):
    body = build()
    image = torch.rand(1, 2, SIZE, SIZE)
    with torch.no_grad():
        before = body(image)
        for parameter in getattr(body.refinement, part).parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
        assert (body(image) - before).abs().max() > 1e-4


def test_both_views_share_the_modules_and_keep_their_own_features():
    """Equal images and equal view networks give equal refined skips in either view."""
    body = build(srct="deformable", srte="stem")
    image = torch.rand(1, 1, SIZE, SIZE)
    body.lateral.load_state_dict(body.frontal.state_dict())
    with torch.no_grad():
        base, skips = body.frontal.lift(image, body.refinement)
        other_base, other_skips = body.lateral.lift(image, body.refinement)
        _, different = body.lateral.lift(1 - image, body.refinement)
    assert torch.equal(base, other_base)
    for one, two, three in zip(skips, other_skips, different, strict=True):
        assert torch.equal(one, two)
        assert not torch.allclose(one, three)


def test_aspp_is_the_sum_of_its_branches():
    """With the joining weights of a single branch, that branch comes out."""
    torch.manual_seed(0)
    aspp = Aspp(4, level=2)
    feature = torch.rand(2, 4, 8, 8)
    with torch.no_grad():
        aspp.join.weight.zero_()
        torch.nn.init.zeros_(aspp.join.bias)  # type: ignore[arg-type]
        aspp.join.weight[:, 8:12, 0, 0] = torch.eye(4)
        out = aspp.encoded(2, feature)
        torch.testing.assert_close(out, aspp.local[1](feature))
    assert aspp.encoded(1, feature) is feature
