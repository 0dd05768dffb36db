"""The output activation, and what physics adds to a network."""

import pytest
import torch
from torch import nn

from srnet.config.nets import EteSettings
from srnet.nets.reconstructor import ACTIVATIONS, PhysicsReconstructor, init_output_bias
from srnet.nets.registry import build_body, build_net


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_are_those_of_relu(name):
    values = torch.tensor([-2.0, -0.0, 0.5, 3.0])
    assert ACTIVATIONS[name](values).tolist() == [0, 0, 0.5, 3]


def test_only_a_gradient_that_raises_passes_a_clamped_value():
    values = torch.tensor([-1.0, -1.0, 2.0, 2.0], requires_grad=True)
    ACTIVATIONS["revivable"](values).backward(torch.tensor([-3.0, 4.0, -3.0, 4.0]))
    # A descent step moves against the gradient: -3 raises, 4 lowers.
    assert values.grad is not None
    assert values.grad.tolist() == [-3, 0, -3, 4]


def test_an_output_of_zero_rises_again_only_with_the_revivable_relu():
    target = torch.tensor([0.0, 0.0, 1.0])
    errors = {}
    for name, activation in ACTIVATIONS.items():
        value = torch.full((3,), -0.5, requires_grad=True)
        optimiser = torch.optim.SGD([value], lr=0.5)
        for _ in range(20):
            optimiser.zero_grad()
            (activation(value) - target).square().sum().backward()
            optimiser.step()
        errors[name] = float((activation(value.detach()) - target).square().sum())
    assert errors["revivable"] < 1e-3
    assert errors["relu"] == 1


@pytest.mark.parametrize("channels", [1, 4, 64])
@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_the_output_starts_near_two_hundredths(channels, kernel):
    torch.manual_seed(0)
    final = nn.Conv3d(channels, 1, kernel)
    factor = init_output_bias(final)
    values = factor * final(torch.rand(1, channels, 12, 12, 12)).detach()
    assert 0 < factor <= 0.1
    assert float(values.mean()) == pytest.approx(0.02, abs=0.08)


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
        prediction = net(views)
    assert updates.seen.min() > 0
    assert prediction.max() == 0
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
