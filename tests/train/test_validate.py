"""Validation scores by their definitions, and the verdict on dead outputs."""

import math

import pytest
import torch
from torch import nn

from srnet.errors import SrnetError
from srnet.train.data import load_samples
from srnet.train.validate import raise_if_dead, validate

CPU = torch.device("cpu")


class Answer(nn.Module):
    """Return what was prepared, case by case."""

    def __init__(self, volumes):
        super().__init__()
        self.volumes = iter(volumes)

    def forward(self, views):
        del views
        return next(self.volumes)


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
