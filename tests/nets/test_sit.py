"""Single-image tomography: its skips carry detail."""

import pytest
import torch

from srnet.config.nets import SitSettings
from srnet.nets.registry import build_body

SIZE = 32


@pytest.fixture
def body():
    torch.manual_seed(0)
    return build_body(SitSettings(width=0.125), SIZE).eval()


def test_skips_carry_detail_past_the_bottom(body):
    """With the coarse path cut off, a spot acts on its own surroundings only."""
    torch.nn.init.zeros_(body.up[-1][-1].weight)
    image = torch.rand(1, 2, SIZE, SIZE)
    bright = image.clone()
    bright[:, 0, 4, 4] += 1
    with torch.no_grad():
        change = (body(bright) - body(image)).abs().amax(dim=(0, 1, 3))
    assert change[4, 4] > 0
    assert change[24:, 24:].max() == 0
