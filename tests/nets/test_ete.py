"""End-to-end bone reconstruction: both views count, channels are V-Net's."""

from typing import Any

import pytest
import torch

from srnet.config.nets import EteSettings
from srnet.nets.registry import build_body

SIZE = 32


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
