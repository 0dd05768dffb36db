import torch

from srnet.config.train import TrainSettings
from srnet.train.trainer import build_optimiser


def test_frozen_parameters_are_left_out():
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    net[1].requires_grad_(False)
    (group,) = build_optimiser(net, TrainSettings()).param_groups
    assert [each.shape for each in group["params"]] == [(3, 2), (3,)]


def test_recipes_have_the_published_numbers():
    net = torch.nn.Linear(2, 3)
    (paper,) = build_optimiser(net, TrainSettings.parse({"recipe": "paper"})).param_groups
    assert (paper["lr"], paper["momentum"], paper["weight_decay"]) == (0.01, 0.9, 1e-3)
    (released,) = build_optimiser(net, TrainSettings.parse({"recipe": "released"})).param_groups
    assert (released["lr"], released["betas"]) == (2e-4, (0.5, 0.99))
