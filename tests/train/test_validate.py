"""Validation scores by their definitions, and the refusal of empty predictions."""

import math

import pytest
import torch
from torch import nn

from srnet.core.errors import SrnetError
from srnet.dataset.tensors import load_samples
from srnet.nets.reconstructor import Reconstructor
from srnet.train.validate import raise_if_empty, validate

CPU = torch.device("cpu")


class Prepared(Reconstructor):
    """Return prepared volumes, scan by scan, instead of the output of a network."""

    def __init__(self, volumes, after_physics=None):
        nn.Module.__init__(self)
        self.volumes, self.after_physics = iter(volumes), after_physics

    def before_physics(self, views):
        del views
        return next(self.volumes)

    def apply_physics(self, volume, views):
        del views
        return volume if self.after_physics is None else self.after_physics


@pytest.fixture
def samples(sets):
    return load_samples(sets[1], gamma=False)


def targets(samples):
    return [samples.batch(torch.tensor([index])).target for index in range(len(samples))]


def test_half_of_the_target_scores_as_calculated(samples):
    scores = validate(Prepared([0.5 * each for each in targets(samples)]), samples, CPU)
    mse = [(0.5 * each * 2500).square().mean() for each in targets(samples)]
    expected = sum(20 * math.log10(4095 / math.sqrt(value)) for value in mse) / len(mse)
    assert scores.psnr3d == pytest.approx(expected, abs=1e-3)
    assert scores.cosine == pytest.approx(1, abs=1e-5)
    raise_if_empty(scores)


def test_empty_volumes_score_a_high_psnr_and_no_cosine_and_stop_the_training(samples):
    scores = validate(
        Prepared([torch.zeros_like(each) for each in targets(samples)]), samples, CPU
    )
    assert scores.psnr3d > 15
    assert scores.cosine == 0
    with pytest.raises(SrnetError, match=r"empty volumes.*train\.optimiser"):
        raise_if_empty(scores)


def test_a_flat_volume_stops_the_training_whatever_physics_makes_of_it(samples):
    target = targets(samples)
    flat = [torch.full_like(each, 0.3) for each in target]
    scores = validate(Prepared(flat, after_physics=target[0]), samples, CPU)
    assert scores.max_prediction > 0.1
    with pytest.raises(SrnetError, match=r"empty volumes.*differ by more than 0\b"):
        raise_if_empty(scores)
