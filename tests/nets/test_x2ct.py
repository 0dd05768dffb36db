"""X2CT-GAN: the frames of its views, and the layers that only a count needs."""

from typing import Any

import pytest
import torch

from srnet.config.nets import EteSettings, X2ctSettings
from srnet.nets.registry import build_body

SIZE = 32
WIDTH = 0.125


@pytest.fixture
def body():
    torch.manual_seed(0)
    return build_body(X2ctSettings(width=WIDTH), SIZE).eval()


def _mirror(module):
    """Make all 3-D kernels of a module symmetric under swapping their last two axes."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() == 5:
                parameter.copy_((parameter + parameter.transpose(3, 4)) / 2)


def _swapped(image):
    return image.flip(1)


def test_swapping_the_views_turns_the_volume(body):
    """AP and lateral exchanged, with the two view networks exchanged: the axes exchange."""
    _mirror(body.fusion)
    image = torch.rand(1, 2, SIZE, SIZE)
    with torch.no_grad():
        volume = body(image)
        body.frontal, body.lateral = body.lateral, body.frontal
        turned = body(_swapped(image))
    torch.testing.assert_close(turned, volume.transpose(3, 4), rtol=1e-3, atol=1e-4)
    assert (turned - volume).abs().max() > 1e-3


def test_ete_turns_with_its_views_as_well():
    torch.manual_seed(0)
    body: Any = build_body(EteSettings(width=2 * WIDTH), SIZE).eval()
    _mirror(body)
    with torch.no_grad():
        for layer in (body.down[0].layers[0][0], body.down[0].skip):
            layer.weight[:, 1] = layer.weight[:, 0]
        image = torch.rand(1, 2, SIZE, SIZE)
        volume, turned = body(image), body(_swapped(image))
    torch.testing.assert_close(turned, volume.transpose(3, 4), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("view", "axis"), [(0, 3), (1, 4)])
def test_a_row_of_the_image_acts_on_its_row_of_the_volume(body, view, axis):
    """With the pooled vector cut off, a bright spot changes the ray it lies on."""
    for net in (body.frontal, body.lateral):
        torch.nn.init.zeros_(net.bottom.layers[0].weight)
    dark = torch.full((1, 2, SIZE, SIZE), 0.1)
    spot = dark.clone()
    spot[0, view, 9, 20] = 1.0
    with torch.no_grad():
        change = (body(spot) - body(dark)).abs()[0, 0]
    row, column = divmod(int(change.sum(dim=axis - 2).argmax()), SIZE)
    assert (row, column) == pytest.approx((9, 20), abs=4)


def test_the_unused_ends_are_frozen_and_only_published_runs_them(body):
    image = torch.rand(1, 2, SIZE, SIZE)
    frozen = {name for name, p in body.named_parameters() if not p.requires_grad}
    assert frozen
    assert all(".decoder.head" in name or ".refine" in name for name in frozen)
    with torch.no_grad():
        before = body(image)
        volumes = body.published(image)
        for name, parameter in body.named_parameters():
            if name in frozen:
                parameter.zero_()
        torch.testing.assert_close(body(image), before)
    assert [volume.shape for volume in volumes] == [before.shape] * 3
    torch.testing.assert_close(volumes[0], before)


def test_one_view_ignores_the_lateral_image():
    body = build_body(X2ctSettings(views=1, width=WIDTH), SIZE).eval()
    image = torch.rand(1, 2, SIZE, SIZE)
    other = image.clone()
    other[:, 1] = 0
    with torch.no_grad():
        assert torch.equal(body(image), body(other))
