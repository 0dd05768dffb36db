"""What both networks that see the AP x-ray alone have in common."""

import pytest
import torch

from srnet.config.nets import PsrSettings, SitSettings
from srnet.nets.registry import build_body

SIZE = 32


@pytest.fixture(params=[PsrSettings(width=0.125), SitSettings(width=0.125)], ids=["psr", "sit"])
def body(request):
    torch.manual_seed(0)
    return build_body(request.param, SIZE).eval()


def test_the_lateral_image_is_not_looked_at(body):
    image = torch.rand(2, 2, SIZE, SIZE)
    other = image.clone()
    other[:, 1] = torch.rand(2, SIZE, SIZE)
    with torch.no_grad():
        assert torch.equal(body(image), body(other))


def test_slices_stand_one_behind_the_other_as_the_ap_view_sees_them(body):
    torch.nn.init.zeros_(body.slices.weight)
    with torch.no_grad():
        body.slices.bias.copy_(torch.arange(SIZE))
        volume = body(torch.rand(2, 2, SIZE, SIZE))
    for depth in range(SIZE):
        assert (volume[:, :, :, depth, :] == depth).all()
