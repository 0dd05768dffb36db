"""Generator, discriminator and optimisers, and one epoch of their training.

Variation of the x-rays while training: what a real detector leaves uncertain.

The optimisers by their names in the settings.

Learning-rate schedules as factors of the initial rate.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from srnet.config.nets import Net
from srnet.config.train import AugmentSettings, TrainSettings
from srnet.core.errors import SrnetError
from srnet.dataset.tensors import Batch, Samples, epoch_order
from srnet.nets.discriminator import Discriminator
from srnet.nets.reconstructor import Reconstructor
from srnet.nets.registry import build_net
from srnet.physics.views import Views
from srnet.train.checkpoint import named, optimiser_tensors, restore_optimiser, under
from srnet.train.losses import lsgan_discriminator, lsgan_generator, weigh_terms


def augment(views: Views, settings: AugmentSettings) -> Views:
    """Return the views with random noise and a random scale of either line integral.

    Noise is the same in the image and in the line integrals, relative to the
    maximum of each; a scale changes the line integrals only, since images are
    normalised by themselves. Draws from PyTorch's global generator.
    """
    image, integral = views.image, views.integral
    if settings.noise > 0:
        noise = settings.noise * torch.randn_like(image)
        white = integral.amax((2, 3), keepdim=True)
        image = (image + noise).clamp(0, 1)
        integral = (integral + noise * white).clamp(min=0)
    if settings.gain > 0:
        scale = settings.gain * torch.randn_like(integral[:, :, :1, :1])
        integral = integral * scale.exp()
    return views._replace(image=image, integral=integral)


_SECOND_BETA = 0.99


def _adam(parameters: list[nn.Parameter], settings: TrainSettings) -> Optimizer:
    betas = (settings.momentum, _SECOND_BETA)
    return Adam(parameters, settings.learning_rate, betas, weight_decay=settings.weight_decay)


def _sgd(parameters: list[nn.Parameter], settings: TrainSettings) -> Optimizer:
    return SGD(
        parameters,
        settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )


OPTIMISERS: dict[str, Callable[[list[nn.Parameter], TrainSettings], Optimizer]] = {
    "adam": _adam,
    "sgd": _sgd,
}


def build_optimiser(net: nn.Module, settings: TrainSettings) -> Optimizer:
    """Return the optimiser of all parameters of `net` that are trained."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    return OPTIMISERS[settings.optimiser](trained, settings)


def _constant(_: float) -> float:
    return 1.0


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def _steps(progress: float) -> float:
    """Divide by ten after 40 % and after 70 %: epochs 80 and 140 of 200 (section IV.A)."""
    return 0.1 ** ((progress >= 0.4) + (progress >= 0.7))


def _linear(progress: float) -> float:
    return min(1.0, 2 * (1 - progress))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "steps": _steps,
    "linear": _linear,
}


def learning_rate_factor(schedule: str, progress: float) -> float:
    """Return the factor at `progress`, the finished share of all steps, in [0, 1)."""
    return SCHEDULES[schedule](progress)


_LOOK_EVERY = 20


class Diverged(SrnetError):
    """Say that a loss or a weight is no longer a finite number."""


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
        Seed of initial weights, order, dropout and augmentation.
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
        self._generator = self._player(build_net(net, size))
        self._average: AveragedModel | None = None
        if settings.ema_decay > 0:
            rule = get_ema_multi_avg_fn(settings.ema_decay)  # type: ignore[no-untyped-call]
            self._average = AveragedModel(self._generator.net, multi_avg_fn=rule, use_buffers=True)
        self._discriminator: _Player | None = None
        if settings.loss.adversarial > 0:
            self._discriminator = self._player(Discriminator(net.width or 1.0))

    @property
    def net(self) -> Reconstructor:
        """Return the network to validate and keep: the average where there is one."""
        kept: Any = self._generator.net if self._average is None else self._average.module
        return cast(Reconstructor, kept)

    def tensors(self) -> dict[str, Tensor]:
        """Return all that the next epoch depends on."""
        tensors = named("generator", self._generator.tensors())
        if self._average is not None:
            tensors |= named("average", self._average.state_dict())
        if self._discriminator is not None:
            tensors |= named("discriminator", self._discriminator.tensors())
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` returned."""
        self._generator.restore(under("generator", tensors))
        if self._average is not None:
            self._average.load_state_dict(under("average", tensors))
        if self._discriminator is not None:
            self._discriminator.restore(under("discriminator", tensors))

    def steps(self, samples: int) -> int:
        """Return the optimiser steps of one epoch."""
        return math.ceil(samples / self._scans_a_step())

    def epoch(self, epoch: int, samples: Samples) -> Iterator[dict[str, float]]:
        """Train one epoch, counted from 0, and yield the mean terms so far now and then.

        Yields once per step; the mapping is empty where no values were looked
        at, and complete at the last step.

        Raises
        ------
        Diverged
            If a term is not finite, or a weight at the end of the epoch.
        """
        # Seeded anew, so that an epoch needs no random state of its predecessors.
        torch.manual_seed(self._epoch_seed(epoch) + self._fabric.global_rank)
        self._generator.net.train()
        steps = self.steps(len(samples))
        sums: dict[str, Tensor] = {}
        for step, batches in enumerate(self._batches(epoch, samples)):
            self._set_learning_rate((epoch + step / steps) / self._settings.epochs)
            for name, value in self.step(batches).items():
                sums[name] = sums.get(name, torch.zeros_like(value)) + value
            looked_at = step + 1 == steps or (step + 1) % _LOOK_EVERY == 0
            means = self._means(sums, step + 1) if looked_at else {}
            if step + 1 == steps:
                # A gradient can be lost behind a finite loss; what is kept must not be.
                self._check_weights()
            yield means

    def _player(self, net: nn.Module) -> _Player:
        optimiser = build_optimiser(net, self._settings)
        module: Any = torch.compile(net) if self._settings.compile else net
        placed, ready = self._fabric.setup(module, optimiser)
        return _Player(net, placed, ready)

    def _epoch_seed(self, epoch: int) -> int:
        return self._seed * 1_000_003 + 1009 * epoch

    def _scans_a_step(self) -> int:
        settings = self._settings
        return settings.batch_size * settings.accumulate * self._fabric.world_size

    def _batches(self, epoch: int, samples: Samples) -> Iterator[list[Batch]]:
        """Yield this process's batches of every step."""
        order = epoch_order(len(samples), self._scans_a_step(), self._epoch_seed(epoch))
        order = order.to(samples.ct.device)
        for share in order.view(
            -1, self._fabric.world_size, self._settings.accumulate, self._size
        ):
            mine = share[self._fabric.global_rank]
            yield [samples.batch(index).to(self._fabric.device) for index in mine]

    @property
    def _size(self) -> int:
        return self._settings.batch_size

    def _set_learning_rate(self, progress: float) -> None:
        rate = self._settings.learning_rate
        rate *= learning_rate_factor(self._settings.schedule, progress)
        for player in (self._generator, self._discriminator):
            for group in player.optimiser.param_groups if player else ():
                group["lr"] = rate

    def step(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Move the generator by one step, then the discriminator; return the mean terms.

        Parameters
        ----------
        batches
            As many as one step averages the gradients of, on this process's device.
        """
        values: dict[str, Tensor] = {}
        seen = [
            Batch(augment(each.views, self._settings.augment), each.target) for each in batches
        ]
        made = []
        for index, batch in enumerate(seen):
            last = index + 1 == len(seen)
            with self._alone(self._generator, not last):
                volume, terms = self._generate(batch)
                self._fabric.backward(terms["loss"] / len(seen))
            made.append(volume.detach())
            _add(values, terms, len(seen))
        self._descend(self._generator)
        if self._average is not None:
            self._average.update_parameters(self._generator.net)
        if self._discriminator is not None:
            _add(values, {"discriminator": self._judge(self._discriminator, seen, made)}, 1)
        return values

    def _generate(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        volume = self._generator.placed(batch.views)
        terms = weigh_terms(self._settings.loss.plain(), volume, batch.target)
        if self._discriminator is not None:
            with self._alone(self._discriminator, True), _frozen(self._discriminator.net):
                scores = self._discriminator.placed(batch.views.image, volume)
            terms["adversarial"] = self._settings.loss.adversarial * lsgan_generator(scores)
        return volume, {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def _judge(
        self, discriminator: _Player, batches: Sequence[Batch], made: Sequence[Tensor]
    ) -> Tensor:
        total = torch.zeros((), device=self._fabric.device)
        for index, (batch, volume) in enumerate(zip(batches, made, strict=True)):
            with self._alone(discriminator, index + 1 < len(batches)):
                image = batch.views.image
                # One pass over both: with several processes each pass must have its own reduction.
                scores = discriminator.placed(
                    torch.cat([image, image]), torch.cat([batch.target, volume])
                )
                loss = lsgan_discriminator(*scores.chunk(2)) / len(batches)
                self._fabric.backward(loss)
            total += loss.detach()
        self._descend(discriminator)
        return total

    def _alone(self, player: _Player, enabled: bool) -> AbstractContextManager[Any]:
        """Keep the processes from sharing gradients before the last batch of a step."""
        return self._fabric.no_backward_sync(player.placed, enabled=enabled)

    def _descend(self, player: _Player) -> None:
        player.optimiser.step()
        player.optimiser.zero_grad(set_to_none=True)

    def _check_weights(self) -> None:
        for name, player in (("network", self._generator), ("discriminator", self._discriminator)):
            weights = [each.detach().norm() for each in player.net.parameters()] if player else []
            if weights and not bool(torch.stack(weights).isfinite().all()):
                raise Diverged(f"a weight of the {name} is no finite number")

    def _means(self, sums: Mapping[str, Tensor], count: int) -> dict[str, float]:
        stacked = torch.stack([value.float() for value in sums.values()]) / count
        shared: Any = self._fabric.all_reduce(stacked, reduce_op="mean")
        means = dict(zip(sums, shared.tolist(), strict=True))
        lost = [name for name, value in means.items() if not math.isfinite(value)]
        if lost:
            raise Diverged(f"the loss term '{lost[0]}' is {means[lost[0]]}")
        return means


@contextmanager
def _frozen(net: nn.Module) -> Iterator[None]:
    """Keep a pass through `net` from making gradients of its weights."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def _add(sums: dict[str, Tensor], values: Mapping[str, Tensor], count: int) -> None:
    for name, value in values.items():
        part = value.detach() / count
        sums[name] = sums[name] + part if name in sums else part
