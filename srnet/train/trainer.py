"""Generator, discriminator and optimisers, and one epoch of their training."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from srnet.config.nets import Net
from srnet.config.train import TrainSettings
from srnet.errors import SrnetError
from srnet.losses import lsgan_discriminator, lsgan_generator, weigh_terms
from srnet.nets.discriminator import Discriminator
from srnet.nets.registry import build_net
from srnet.train.checkpoint import named, optimiser_tensors, restore_optimiser, under
from srnet.train.data import Batch, Samples, epoch_order
from srnet.train.schedule import learning_rate_factor

__all__ = ["Diverged", "Trainer", "epoch_seed"]

_LOOK_EVERY = 20
_ADAM_SECOND_BETA = 0.99


class Diverged(SrnetError):
    """Say that a loss is no longer a finite number."""


def epoch_seed(seed: int, epoch: int) -> int:
    """Return the seed of one epoch, so that an epoch needs no state of its predecessors."""
    return seed * 1_000_003 + epoch


@dataclass(frozen=True)
class _Player:
    """A network, the same network set up for its device, and its optimiser."""

    net: nn.Module
    placed: Any
    optimiser: Optimizer

    def tensors(self) -> dict[str, Tensor]:
        return named("net", self.net.state_dict()) | named(
            "optimiser", optimiser_tensors(self.optimiser)
        )

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        self.net.load_state_dict(under("net", tensors))
        restore_optimiser(self.optimiser, under("optimiser", tensors))


class Trainer:
    """Trains one network; the discriminator exists only where its weight is not 0.

    Parameters
    ----------
    net, settings
        Settings of the network and of its training.
    size
        Edge of volumes and x-rays.
    seed
        Seed of initial weights, order and dropout.
    fabric
        Device, precision and processes.
    """

    def __init__(
        self, net: Net, settings: TrainSettings, size: int, seed: int, fabric: Fabric
    ) -> None:
        self._settings = settings
        self._seed = seed
        self._fabric = fabric
        torch.manual_seed(seed)
        self.net = build_net(net, size)
        self._generator = self._player(self.net)
        self._discriminator: _Player | None = None
        if settings.loss.adversarial > 0:
            self._discriminator = self._player(Discriminator(net.width or 1.0))

    def tensors(self) -> dict[str, Tensor]:
        """Return all that the next epoch depends on."""
        tensors = named("generator", self._generator.tensors())
        if self._discriminator is not None:
            tensors |= named("discriminator", self._discriminator.tensors())
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` returned."""
        self._generator.restore(under("generator", tensors))
        if self._discriminator is not None:
            self._discriminator.restore(under("discriminator", tensors))

    def steps(self, samples: int) -> int:
        """Return the optimiser steps of one epoch."""
        return math.ceil(samples / (self._settings.batch_size * self._fabric.world_size))

    def epoch(self, epoch: int, samples: Samples) -> Iterator[dict[str, float]]:
        """Train one epoch, counted from 0, and yield the mean terms so far now and then.

        Yields once per step; the mapping is empty where no values were looked
        at, and complete at the last step.

        Raises
        ------
        Diverged
            If a term is not finite.
        """
        torch.manual_seed(epoch_seed(self._seed, epoch) + self._fabric.global_rank)
        self.net.train()
        steps = self.steps(len(samples))
        sums: dict[str, Tensor] = {}
        for step, batch in enumerate(self._batches(epoch, samples)):
            self._set_learning_rate((epoch + step / steps) / self._settings.epochs)
            for name, value in self._step(batch).items():
                sums[name] = sums.get(name, torch.zeros_like(value)) + value
            looked_at = step + 1 == steps or (step + 1) % _LOOK_EVERY == 0
            yield _means(sums, step + 1) if looked_at else {}

    def _player(self, net: nn.Module) -> _Player:
        optimiser = _optimiser(net, self._settings)
        placed, ready = self._fabric.setup(net, optimiser)
        return _Player(net, placed, ready)

    def _batches(self, epoch: int, samples: Samples) -> Iterator[Batch]:
        size, world = self._settings.batch_size, self._fabric.world_size
        order = epoch_order(len(samples), size * world, epoch_seed(self._seed, epoch))
        mine = order.view(-1, world, size)[:, self._fabric.global_rank].flatten()
        return samples.batches(mine, size)

    def _set_learning_rate(self, progress: float) -> None:
        rate = self._settings.learning_rate
        rate *= learning_rate_factor(self._settings.schedule, progress)
        for player in (self._generator, self._discriminator):
            for group in player.optimiser.param_groups if player else ():
                group["lr"] = rate

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        made = self._generator.placed(batch.views)
        terms = weigh_terms(self._settings.loss.plain(), made, batch.target)
        if self._discriminator is not None:
            scores = self._discriminator.placed(batch.views.image, made)
            terms["adversarial"] = self._settings.loss.adversarial * lsgan_generator(scores)
        loss = torch.stack(list(terms.values())).sum()
        self._descend(self._generator, loss)
        values = {"loss": loss, **terms}
        if self._discriminator is not None:
            values["discriminator"] = self._judge(self._discriminator, batch, made.detach())
        return {name: value.detach() for name, value in values.items()}

    def _judge(self, discriminator: _Player, batch: Batch, made: Tensor) -> Tensor:
        image = batch.views.image
        real_scores = discriminator.placed(image, batch.target)
        loss = lsgan_discriminator(real_scores, discriminator.placed(image, made))
        self._descend(discriminator, self._settings.loss.adversarial * loss)
        return loss

    def _descend(self, player: _Player, loss: Tensor) -> None:
        player.optimiser.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        player.optimiser.step()


def _adam(net: nn.Module, settings: TrainSettings) -> Optimizer:
    betas = (settings.momentum, _ADAM_SECOND_BETA)
    return Adam(_trainable(net), settings.learning_rate, betas, weight_decay=settings.weight_decay)


def _sgd(net: nn.Module, settings: TrainSettings) -> Optimizer:
    return SGD(
        _trainable(net),
        settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )


_OPTIMISERS = {"adam": _adam, "sgd": _sgd}


def _optimiser(net: nn.Module, settings: TrainSettings) -> Optimizer:
    return _OPTIMISERS[settings.optimiser](net, settings)


def _trainable(net: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in net.parameters() if parameter.requires_grad]


def _means(sums: Mapping[str, Tensor], count: int) -> dict[str, float]:
    means = {name: float(value) / count for name, value in sums.items()}
    lost = [name for name, value in means.items() if not math.isfinite(value)]
    if lost:
        raise Diverged(f"the loss term '{lost[0]}' is {means[lost[0]]}")
    return means
