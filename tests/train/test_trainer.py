"""Steps of a training: what they average, and in which precision."""

import pytest
import torch

from srnet.train.data import load_samples
from srnet.train.launch import build_fabric
from srnet.train.trainer import Trainer


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


def test_the_average_lies_half_way_between_the_last_two_steps(make_run, samples):
    one_step = {"batch_size": 5, "schedule": "constant"}
    after = [weights(trained(make_run(**one_step), samples, n)[0].net) for n in (1, 2)]
    averaged, _ = trained(make_run(average=0.5, **one_step), samples, 2)
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
