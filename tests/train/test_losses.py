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
    made, _ = pair()
    made.requires_grad_()
    value = loss(made, made.detach().clone())
    value.backward()
    assert float(value) == 0
    assert made.grad is not None
    assert torch.isfinite(made.grad).all()


def test_positive_and_symmetric(loss):
    made, real = pair()
    assert float(loss(made, real)) > 0
    torch.testing.assert_close(loss(made, real), loss(real, made))


def test_the_batch_is_averaged(loss):
    made, real = pair()
    parts = [loss(made[i : i + 1], real[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(loss(made, real), torch.stack(parts).mean())


@pytest.mark.parametrize("name", [name for name in VOLUME_LOSSES if name != "ffl"])
def test_the_gradient_is_that_of_finite_differences(name):
    made, real = pair()
    made.requires_grad_()
    assert torch.autograd.gradcheck(lambda volume: VOLUME_LOSSES[name](volume, real), made)


def test_the_gradient_of_ffl_holds_its_weights_constant():
    made, real = pair()
    spectrum = torch.fft.fftn(made - real, dim=(2, 3, 4), norm="ortho").abs()
    weight = spectrum / spectrum.amax(dim=(2, 3, 4), keepdim=True)

    def with_constant_weights(volume):
        difference = torch.fft.fftn(volume - real, dim=(2, 3, 4), norm="ortho")
        return (weight * difference.abs() ** 2).mean()

    made.requires_grad_()
    assert torch.autograd.gradcheck(with_constant_weights, made)
    ours = torch.autograd.grad(ffl(made, real), made)[0]
    theirs = torch.autograd.grad(with_constant_weights(made), made)[0]
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_ffl_of_images_is_the_public_one(alpha):
    torch.manual_seed(0)
    made, real = torch.rand(3, 2, 16, 12), torch.rand(3, 2, 16, 12)
    expected = FocalFrequencyLoss(alpha=alpha)(made, real)
    torch.testing.assert_close(ffl(made, real, alpha=alpha, axes=(2, 3)), expected)


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
    made, real = pair()
    total = 0.0
    for axis in (3, 4):
        length = made.shape[axis]
        terms = []
        for i in range(1, length):
            step_made = (made.select(axis, i) - made.select(axis, i - 1)).abs()
            step_real = (real.select(axis, i) - real.select(axis, i - 1)).abs()
            terms.append((step_made - step_real).abs())
        total += float(torch.stack(terms).mean())
    assert float(igdl(made, real)) == pytest.approx(total)


def test_igdl_feels_edges_across_slices_only_with_its_third_axis():
    stairs = torch.arange(5.0).view(1, 1, 5, 1, 1).expand(1, 1, 5, 4, 4)
    flat = torch.zeros_like(stairs)
    assert float(igdl(stairs, flat)) == 0
    assert float(igdl_depth(stairs, flat)) == 1


def test_igdl_ignores_offset_and_sign_of_edges():
    made, _ = pair()
    assert float(igdl(made + 3, made)) == pytest.approx(0)
    assert float(igdl(-made, made)) == pytest.approx(0)


def test_projection_cannot_tell_what_moves_along_no_axis():
    """Two voxels and their mirror image have the same three projections."""
    made, real = torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 1, 2, 2, 2)
    for corner in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)):
        made[(0, 0, *corner)] = 1
        real[(0, 0, *(1 - i for i in corner))] = 1
    assert float(projection_l1(made, real)) == 0
    assert float(VOLUME_LOSSES["mse"](made, real)) == 1


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
    made, real = (volume.to(torch.bfloat16) for volume in pair())
    terms = weigh_terms({"mse": 2.0, "l1": 0.0, "adversarial": 1.0}, made, real)
    assert list(terms) == ["mse"]
    assert terms["mse"].dtype == torch.float32
    torch.testing.assert_close(terms["mse"], 2 * (made.float() - real.float()).square().mean())
