"""Learning rates, optimisers, augmentation, and the steps of a training."""

from functools import partial

import pytest
import torch

from srnet.config.train import AugmentSettings, TrainSettings
from srnet.dataset.tensors import load_samples
from srnet.physics.views import Views
from srnet.train.launch import build_fabric
from srnet.train.trainer import SCHEDULES, Trainer, augment, build_optimiser


@pytest.mark.parametrize(
    ("epoch", "factor"), [(0, 1), (79, 1), (80, 0.1), (139, 0.1), (140, 0.01), (199, 0.01)]
)
def test_paper_divides_by_ten_after_80_and_140_of_200_epochs(epoch, factor):
    assert SCHEDULES["steps"](epoch / 200) == pytest.approx(factor)


@pytest.mark.parametrize(("epoch", "factor"), [(0, 1), (50, 1), (75, 0.5), (99, 0.02)])
def test_release_holds_for_half_of_the_epochs_then_falls_to_zero(epoch, factor):
    assert SCHEDULES["linear"](epoch / 100) == pytest.approx(factor)


def test_cosine_falls_from_one_to_zero():
    factors = [SCHEDULES["cosine"](step / 10) for step in range(11)]
    assert factors == sorted(factors, reverse=True)
    assert (factors[0], factors[-1]) == pytest.approx((1, 0))


def test_no_schedule_exceeds_the_initial_rate():
    assert all(0 <= SCHEDULES[name](step / 50) <= 1 for name in SCHEDULES for step in range(50))


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


@pytest.fixture
def views():
    image = torch.rand((64, 2, 16, 16), generator=torch.Generator().manual_seed(1))
    image = 0.25 + 0.5 * image
    return Views(image, 40 * image, torch.ones(64, 3), torch.ones(64))


def test_nothing_changes_by_default(views):
    same = augment(views, AugmentSettings())
    assert all(torch.equal(old, new) for old, new in zip(views, same, strict=True))


def test_gain_scales_the_integrals_of_each_view_alone(views):
    torch.manual_seed(0)
    scaled = augment(views, AugmentSettings(gain=0.1))
    assert torch.equal(scaled.image, views.image)
    ratio = scaled.integral / views.integral
    torch.testing.assert_close(ratio, ratio[:, :, :1, :1].expand_as(ratio))
    assert ratio[:, :, 0, 0].log().std().item() == pytest.approx(0.1, rel=0.25)
    assert not torch.allclose(ratio[:, 0], ratio[:, 1])


def test_noise_is_relative_to_the_maximum_and_never_negative(views):
    torch.manual_seed(0)
    noisy = augment(views, AugmentSettings(noise=0.02))
    assert (noisy.image - views.image).std().item() == pytest.approx(0.02, rel=0.05)
    white = views.integral.amax((2, 3), keepdim=True)
    relative = (noisy.integral - views.integral) / white
    assert relative.std().item() == pytest.approx(0.02, rel=0.05)
    dark = augment(views._replace(integral=0 * views.integral + 1e-6), AugmentSettings(noise=1.0))
    assert dark.integral.min() >= 0


@pytest.fixture
def samples(sets):
    return load_samples(sets[0], gamma=False)


def trained(run, samples, epochs=1):
    """Return the trainer after some epochs and the mean terms of the last."""
    trainer = Trainer(run.net, run.settings, run.size, run.seed, build_fabric(run.settings))
    for epoch in range(epochs):
        *_, means = trainer.epoch(epoch, samples)
    return trainer, means


def weights(net):
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


def test_two_batches_of_one_step_like_one_batch_of_two(make_run, samples):
    both = []
    for changes in ({"batch_size": 2}, {"batch_size": 1, "accumulate": 2}):
        # Plain SGD: Adam divides gradients, rounding errors of small ones included.
        run = make_run(optimiser="sgd", learning_rate=0.1, **changes)
        trainer, means = trained(run, samples)
        both.append((weights(trainer.net), means["loss"]))
    torch.testing.assert_close(both[0][0], both[1][0], rtol=1e-4, atol=1e-6)
    assert both[0][1] == pytest.approx(both[1][1], rel=1e-4)


def test_the_averaged_weights_lie_half_way_between_the_last_two_steps(make_run, samples):
    one_step = {"batch_size": 5, "schedule": "constant"}
    after = [weights(trained(make_run(**one_step), samples, n)[0].net) for n in (1, 2)]
    averaged, _ = trained(make_run(ema_decay=0.5, **one_step), samples, 2)
    torch.testing.assert_close(weights(averaged.net), (after[0] + after[1]) / 2)


def test_a_learning_rate_near_zero_leaves_the_weights(make_run, samples):
    """The schedule reaches both ends: the first step is a whole one, the last a small one."""
    run = make_run(epochs=1, batch_size=1)
    trainer = Trainer(run.net, run.settings, run.size, run.seed, build_fabric(run.settings))
    moves, before = [], weights(trainer.net)
    for _ in trainer.epoch(0, samples):
        moves.append(float((weights(trainer.net) - before).norm()))
        before = weights(trainer.net)
    assert moves[-1] < 0.5 * moves[0]


@pytest.mark.parametrize("net", [{"name": "x2ct"}, {"name": "x2ct", "physics": "mlem"}])
def test_half_precision_starts_like_full_precision(make_run, samples, net):
    losses = []
    for precision in ("float32", "bfloat16"):
        _, means = trained(make_run(net=net, precision=precision), samples)
        losses.append(means["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_the_generators_step_leaves_the_discriminator_to_its_own(make_run, samples):
    """No gradient of its weights is made on the way, and all of them are trained after it."""
    run = make_run(loss={"adversarial": 1.0})
    trainer = Trainer(run.net, run.settings, run.size, run.seed, build_fabric(run.settings))
    discriminator = trainer._discriminator
    assert discriminator is not None
    before = weights(discriminator.net)
    _, terms = trainer._generator_losses(samples.batch(torch.tensor([0, 1])))
    terms["loss"].backward()
    assert all(parameter.grad is None for parameter in discriminator.net.parameters())
    assert all(parameter.requires_grad for parameter in discriminator.net.parameters())
    trainer.step([samples.batch(torch.tensor([0, 1]))])
    assert not torch.equal(weights(discriminator.net), before)


def test_a_compiled_network_trains_like_a_plain_one(make_run, samples, monkeypatch):
    """With the backend that traces and generates no code, which would take minutes."""
    plain, means = trained(make_run(), samples)
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    compiled, same = trained(make_run(compile=True), samples)
    torch.testing.assert_close(weights(compiled.net), weights(plain.net))
    assert same == pytest.approx(means)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("physics", ["none", "mlem"])
def test_a_gpu_trains_what_a_cpu_trains(make_run, samples, physics):
    net = {"name": "x2ct", "physics": physics}
    losses = {}
    for device in ("cpu", "gpu"):
        run = make_run(net=net, device=device, loss={"adversarial": 0.1}, ema_decay=0.5)
        fabric = build_fabric(run.settings)
        trainer = Trainer(run.net, run.settings, run.size, run.seed, fabric)
        placed = samples.to_where_it_fits(fabric.device)
        assert placed.ct.device.type == fabric.device.type
        *_, means = trainer.epoch(0, placed)
        trainer.restore(trainer.tensors())
        losses[device] = means["loss"]
    assert losses["gpu"] == pytest.approx(losses["cpu"], rel=0.05)
