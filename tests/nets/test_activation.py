import pytest
import torch
from torch import nn

from srnet.nets.reconstructor import ACTIVATIONS, init_output_bias


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


def test_a_dead_output_revives_only_with_the_revivable_relu():
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
    final = nn.Conv3d(channels, 1, kernel)
    factor = init_output_bias(final)
    values = factor * final(torch.rand(1, channels, 12, 12, 12)).detach()
    assert 0 < factor <= 0.1
    assert float(values.mean()) == pytest.approx(0.02, abs=0.08)
