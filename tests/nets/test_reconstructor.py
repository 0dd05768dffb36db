import torch
from torch import nn

from srnet.config.nets import EteSettings
from srnet.nets.reconstructor import PhysicsReconstructor
from srnet.nets.registry import build_body, build_net


class Keep(nn.Module):
    """Updates that change nothing and remember what they were given."""

    def forward(self, volume, views):
        self.seen, self.views = volume, views
        return volume


def test_updates_start_from_a_positive_volume_and_end_in_exact_zeros(views, volume):
    updates = Keep()
    net = PhysicsReconstructor(build_body(EteSettings(width=0.125), 32), updates)
    nn.init.constant_(net.body.final.bias, -1e6)  # type: ignore[arg-type]
    with torch.autocast("cpu", torch.bfloat16):
        made = net(views)
    assert updates.seen.min() > 0
    assert made.max() == 0
    assert updates.seen.dtype == torch.float32
    assert updates.views is views


def test_physics_reads_the_line_integrals(views):
    torch.manual_seed(0)
    net = build_net(EteSettings(width=0.125, physics="mlem"), 32).eval()
    doubled = views._replace(integral=2 * views.integral)
    with torch.no_grad():
        once, twice = net(views), net(doubled)
    bone = once > 0.05
    torch.testing.assert_close(twice[bone], 2 * once[bone], rtol=0.05, atol=1e-3)


def test_plain_networks_read_the_image_alone(views):
    net = build_net(EteSettings(width=0.125), 32).eval()
    other = views._replace(integral=3 * views.integral, spacing_mm=2 * views.spacing_mm)
    assert torch.equal(net(views), net(other))
