"""ML-EM updates: fixed points, agreement with the data, precision, gradients."""

import torch

from srnet.physics.mlem import Mlem, fit_to_views, mlem_update, seen_by_both
from srnet.physics.projector import projections
from srnet.physics.views import Views

SIZE = 16


def views_of(volume, source_mm=541.0):
    spacing = torch.full((len(volume), 3), 3.0)
    source = torch.full((len(volume),), source_mm)
    pair = projections(spacing, volume.shape[-1], source)
    integral = torch.stack([each.forward(volume[:, 0]) for each in pair], dim=1)
    return Views(integral / integral.amax((2, 3), keepdim=True), integral, spacing, source)


def some_volume(samples=1):
    return torch.rand((samples, 1, SIZE, SIZE, SIZE), generator=torch.Generator().manual_seed(2))


def misfit(volume, views):
    return (views_of(volume).integral - views.integral).abs().mean().item()


def test_the_truth_is_a_fixed_point():
    truth = some_volume()
    torch.testing.assert_close(
        fit_to_views(truth, views_of(truth), 3), truth, rtol=1e-3, atol=1e-4
    )


def test_with_parallel_rays_one_update_fits_its_view():
    truth = some_volume()
    views = views_of(truth, source_mm=1e7)
    projection = projections(views.spacing_mm, SIZE, views.source_mm)[0]
    ones = torch.ones_like(truth[:, 0])
    fitted = mlem_update(ones, views.integral[:, 0], projection, projection.sensitivity())
    torch.testing.assert_close(projection.forward(fitted), views.integral[:, 0], rtol=1e-3, atol=0)


def test_separable_volumes_come_back_from_two_parallel_views():
    profile = torch.rand(2, SIZE)
    truth = torch.einsum("b,c->bc", profile[0], profile[1]).expand(1, 1, SIZE, SIZE, SIZE)
    views = views_of(truth, source_mm=1e7)
    fitted = fit_to_views(torch.ones_like(truth), views)
    torch.testing.assert_close(fitted, truth, rtol=1e-2, atol=1e-3)


def test_every_sweep_agrees_better_with_the_x_rays():
    views = views_of(some_volume())
    start = torch.full((1, 1, SIZE, SIZE, SIZE), 0.5)
    misfits = [misfit(fit_to_views(start, views, sweeps), views) for sweeps in (0, 1, 4, 16)]
    assert misfits == sorted(misfits, reverse=True)
    assert misfits[-1] < 0.05 * misfits[0]


def test_voxels_beside_the_beam_keep_their_value():
    views = views_of(some_volume(), source_mm=60.0)
    unseen = seen_by_both(views) == 0
    assert unseen.any()
    for projection in projections(views.spacing_mm, SIZE, views.source_mm):
        none = torch.zeros_like(views.integral[:, 0])
        start = some_volume()[:, 0]
        sensitivity = projection.sensitivity()
        dark = sensitivity == 0
        assert torch.equal(mlem_update(start, none, projection, sensitivity)[dark], start[dark])


def test_computes_in_float32_under_autocast():
    volume = some_volume()
    views = views_of(volume)
    with torch.autocast("cpu", torch.bfloat16):
        fitted = Mlem(SIZE)(volume.bfloat16(), views)
    assert fitted.dtype == torch.float32
    torch.testing.assert_close(fitted, Mlem(SIZE)(volume.bfloat16().float(), views))


def test_more_sweeps_of_the_layer_are_its_sweeps_in_turn():
    views, start = views_of(some_volume()), torch.ones_like(some_volume())
    once = Mlem(SIZE, sweeps=1)
    torch.testing.assert_close(
        Mlem(SIZE, sweeps=3)(start, views), once(once(once(start, views), views), views)
    )


def test_gradient_agrees_with_finite_differences():
    views = views_of(some_volume())
    start = torch.full((1, 1, SIZE, SIZE, SIZE), 0.4, requires_grad=True)
    weights = torch.rand_like(start) - 0.5
    (fit_to_views(start, views) * weights).sum().backward()
    step = torch.rand_like(start) - 0.5
    with torch.no_grad():
        ends = [fit_to_views(start + sign * 0.01 * step, views) for sign in (1, -1)]
        slope = ((ends[0] - ends[1]) * weights).sum() / 0.02
    assert start.grad is not None
    torch.testing.assert_close((start.grad * step).sum(), slope, rtol=2e-2, atol=1e-3)


def test_samples_of_a_batch_do_not_mix():
    volume = some_volume(2)
    views = views_of(volume)
    second = Views(*(tensor[1:] for tensor in views))
    start = torch.full_like(volume, 0.3)
    torch.testing.assert_close(fit_to_views(start, views)[1:], fit_to_views(start[1:], second))
