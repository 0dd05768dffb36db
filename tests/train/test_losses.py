"""Loss terms by their equations, symmetries and gradients."""

import pytest
import torch
from focal_frequency_loss import FocalFrequencyLoss

from srnet.config.train import LossWeights
from srnet.train.losses import (
    VOLUME_LOSSES,
    ffl,
    igdl,
    igdl_depth,
    lsgan_discriminator,
    lsgan_generator,
    projection_l1,
    weigh_terms,
)

SHAPE = (2, 1, 5, 6, 4)


@pytest.fixture(params=VOLUME_LOSSES)
def loss(request):
    return VOLUME_LOSSES[request.param]


def pair():
    torch.manual_seed(0)
    return torch.rand(SHAPE, dtype=torch.float64), torch.rand(SHAPE, dtype=torch.float64)


def test_zero_at_equality_with_a_finite_gradient(loss):
    prediction, _ = pair()
    prediction.requires_grad_()
    value = loss(prediction, prediction.detach().clone())
    value.backward()
    assert float(value) == 0
    assert prediction.grad is not None
    assert torch.isfinite(prediction.grad).all()


def test_positive_and_symmetric(loss):
    prediction, target = pair()
    assert float(loss(prediction, target)) > 0
    torch.testing.assert_close(loss(prediction, target), loss(target, prediction))


def test_the_batch_is_averaged(loss):
    prediction, target = pair()
    parts = [loss(prediction[i : i + 1], target[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(loss(prediction, target), torch.stack(parts).mean())


@pytest.mark.parametrize("name", [name for name in VOLUME_LOSSES if name != "ffl"])
def test_the_gradient_is_that_of_finite_differences(name):
    prediction, target = pair()
    prediction.requires_grad_()
    assert torch.autograd.gradcheck(lambda volume: VOLUME_LOSSES[name](volume, target), prediction)


def test_the_gradient_of_ffl_holds_its_weights_constant():
    prediction, target = pair()
    spectrum = torch.fft.fftn(prediction - target, dim=(2, 3, 4), norm="ortho").abs()
    weight = spectrum / spectrum.amax(dim=(2, 3, 4), keepdim=True)

    def with_constant_weights(volume):
        difference = torch.fft.fftn(volume - target, dim=(2, 3, 4), norm="ortho")
        return (weight * difference.abs() ** 2).mean()

    prediction.requires_grad_()
    assert torch.autograd.gradcheck(with_constant_weights, prediction)
    ours = torch.autograd.grad(ffl(prediction, target), prediction)[0]
    theirs = torch.autograd.grad(with_constant_weights(prediction), prediction)[0]
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_ffl_of_images_is_the_public_one(alpha):
    torch.manual_seed(0)
    prediction, target = torch.rand(3, 2, 16, 12), torch.rand(3, 2, 16, 12)
    expected = FocalFrequencyLoss(alpha=alpha)(prediction, target)
    torch.testing.assert_close(ffl(prediction, target, alpha=alpha, axes=(2, 3)), expected)


def test_ffl_is_three_dimensional():
    """A wave along any axis costs the same, and by Parseval as much as its power."""
    wave = torch.cos(2 * torch.pi * torch.arange(8, dtype=torch.float64) / 4)
    values = [
        ffl(wave.view(shape).expand(1, 1, 8, 8, 8), torch.zeros(1, 1, 8, 8, 8))
        for shape in ((1, 1, 8, 1, 1), (1, 1, 1, 8, 1), (1, 1, 1, 1, 8))
    ]
    for value in values:
        assert float(value) == pytest.approx(0.5, rel=1e-6)


def test_igdl_is_equation_7_written_out():
    prediction, target = pair()
    total = 0.0
    for axis in (3, 4):
        length = prediction.shape[axis]
        terms = []
        for i in range(1, length):
            predicted_step = (prediction.select(axis, i) - prediction.select(axis, i - 1)).abs()
            target_step = (target.select(axis, i) - target.select(axis, i - 1)).abs()
            terms.append((predicted_step - target_step).abs())
        total += float(torch.stack(terms).mean())
    assert float(igdl(prediction, target)) == pytest.approx(total)


def test_igdl_feels_edges_across_slices_only_with_its_third_axis():
    stairs = torch.arange(5.0).view(1, 1, 5, 1, 1).expand(1, 1, 5, 4, 4)
    flat = torch.zeros_like(stairs)
    assert float(igdl(stairs, flat)) == 0
    assert float(igdl_depth(stairs, flat)) == 1


def test_igdl_ignores_offset_and_sign_of_edges():
    prediction, _ = pair()
    assert float(igdl(prediction + 3, prediction)) == pytest.approx(0)
    assert float(igdl(-prediction, prediction)) == pytest.approx(0)


def test_projection_cannot_tell_what_moves_along_no_axis():
    """Two voxels and their mirror image have the same three projections."""
    prediction, target = torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 1, 2, 2, 2)
    for corner in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)):
        prediction[(0, 0, *corner)] = 1
        target[(0, 0, *(1 - i for i in corner))] = 1
    assert float(projection_l1(prediction, target)) == 0
    assert float(VOLUME_LOSSES["mse"](prediction, target)) == 1


def test_least_squares_gan():
    ones, zeros = torch.ones(2, 1, 3, 3, 3), torch.zeros(2, 1, 3, 3, 3)
    assert float(lsgan_generator(ones)) == 0
    assert float(lsgan_generator(zeros)) == 1
    assert float(lsgan_discriminator(ones, zeros)) == 0
    assert float(lsgan_discriminator(zeros, ones)) == 1
    assert float(lsgan_discriminator(zeros, zeros)) == 0.5


def test_every_weight_has_its_term():
    assert set(LossWeights.model_fields) == {*VOLUME_LOSSES, "adversarial"}


def test_weighted_terms_leave_out_what_weighs_nothing():
    prediction, target = (volume.to(torch.bfloat16) for volume in pair())
    terms = weigh_terms({"mse": 2.0, "l1": 0.0, "adversarial": 1.0}, prediction, target)
    assert list(terms) == ["mse"]
    assert terms["mse"].dtype == torch.float32
    torch.testing.assert_close(
        terms["mse"], 2 * (prediction.float() - target.float()).square().mean()
    )
