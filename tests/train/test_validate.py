"""Validation scores by their definitions, and the verdict on dead outputs."""

import math

import pytest
import torch
from torch import nn

from srnet.core.errors import SrnetError
from srnet.dataset.tensors import load_samples
from srnet.nets.reconstructor import Reconstructor
from srnet.train.validate import raise_if_dead, validate

CPU = torch.device("cpu")


class Answer(Reconstructor):
    """Return what was prepared, case by case, instead of what the network made."""

    def __init__(self, volumes, made=None):
        nn.Module.__init__(self)
        self.volumes, self.made = iter(volumes), made

    def start(self, views):
        del views
        return next(self.volumes)

    def finish(self, start, views):
        del views
        return start if self.made is None else self.made


@pytest.fixture
def samples(sets):
    return load_samples(sets[1], gamma=False)


def truths(samples):
    return [samples.batch(torch.tensor([index])).target for index in range(len(samples))]


def test_half_of_the_truth_scores_as_calculated(samples):
    scores = validate(Answer([0.5 * each for each in truths(samples)]), samples, CPU)
    mse = [((0.5 * each * 2500).trunc() - each * 2500).square().mean() for each in truths(samples)]
    expected = sum(20 * math.log10(4095 / math.sqrt(value)) for value in mse) / len(mse)
    assert scores.psnr3d == pytest.approx(expected, abs=1e-3)
    assert scores.cosine == pytest.approx(1, abs=1e-5)
    raise_if_dead(scores)


def test_empty_volumes_score_a_high_psnr_and_no_cosine_and_are_called_dead(samples):
    scores = validate(Answer([torch.zeros_like(each) for each in truths(samples)]), samples, CPU)
    assert scores.psnr3d > 15
    assert scores.cosine == 0
    with pytest.raises(SrnetError, match=r"empty volumes.*train\.optimiser"):
        raise_if_dead(scores)


def test_a_flat_volume_is_called_dead_whatever_physics_makes_of_it(samples):
    truth = truths(samples)
    flat = [torch.full_like(each, 0.3) for each in truth]
    scores = validate(Answer(flat, made=truth[0]), samples, CPU)
    assert scores.max_prediction > 0.1
    with pytest.raises(SrnetError, match=r"empty volumes.*differ by more than 0\b"):
        raise_if_dead(scores)
