from typing import Any

import pytest
import torch

from srnet.config.nets import EteSettings
from srnet.nets.layers import repeat_views
from srnet.nets.registry import build_body

SIZE = 32


def test_both_x_rays_stand_along_their_rays():
    image = torch.rand(2, 2, SIZE, SIZE)
    volume = repeat_views(image)
    for depth in (0, 9, SIZE - 1):
        assert torch.equal(volume[:, 0, :, depth, :], image[:, 0])
        assert torch.equal(volume[:, 1, :, :, depth], image[:, 1])


@pytest.mark.parametrize("view", [0, 1])
def test_either_view_has_a_say(view):
    torch.manual_seed(0)
    body = build_body(EteSettings(width=0.125), SIZE).eval()
    image = torch.rand(1, 2, SIZE, SIZE)
    other = image.clone()
    other[:, view] = torch.rand(1, SIZE, SIZE)
    with torch.no_grad():
        assert not torch.allclose(body(image), body(other))


def test_channels_are_those_of_the_v_net_scheme():
    with torch.device("meta"):
        body: Any = build_body(EteSettings(width=1), SIZE)
    assert [stage.layers[-1][0].out_channels for stage in body.down] == [16, 32, 64, 128, 256]
    assert [stage.layers[-1][0].out_channels for stage in body.up] == [128, 64, 32, 16]
