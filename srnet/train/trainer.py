"""The steps of a training: networks, optimisers, learning rates, and one epoch at a time."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from srnet.train.checkpoint import add_prefix, optimiser_tensors, restore_optimiser, strip_prefix
from srnet.train.losses import lsgan_discriminator, lsgan_generator, weigh_terms

_SECOND_BETA = 0.99
_MEANS_EVERY = 20
"""Steps after which the mean loss terms are read, which waits for the GPU."""

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "cosine": lambda progress: 0.5 * (1 + math.cos(math.pi * progress)),
    # Section IV.A divides by ten after epochs 80 and 140 of 200.
    "steps": lambda progress: 0.1 ** ((progress >= 0.4) + (progress >= 0.7)),
    "linear": lambda progress: min(1.0, 2 * (1 - progress)),
}
"""Factor of the initial learning rate at the finished share of all steps, in [0, 1)."""


def augment(views: Views, settings: AugmentSettings) -> Views:
    """Return the views with random noise and a random scale of either line integral.

    Noise is the same in the image and in the line integrals, relative to the maximum of
    each; a scale changes the line integrals only, since images are normalised by
    themselves. Draws from PyTorch's global generator.
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


def build_optimiser(net: nn.Module, settings: TrainSettings) -> Optimizer:
    """Return the optimiser of all parameters of `net` that are trained."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimiser == "sgd":
        return SGD(trained, rate, momentum=settings.momentum, weight_decay=decay)
    return Adam(trained, rate, (settings.momentum, _SECOND_BETA), weight_decay=decay)


class Diverged(SrnetError):
    """A loss or a weight is no longer a finite number."""


@dataclass(frozen=True)
class _Optimised:
    """A network, the same set up by Fabric for its device, and its optimiser."""

    net: nn.Module
    module: Any
    optimiser: Optimizer


class Trainer:
    """Train one network, and a discriminator where the adversarial loss has a weight.

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
        self.settings = settings
        self._seed = seed
        self._fabric = fabric
        torch.manual_seed(seed)
        self._generator = self._set_up(build_net(net, size))
        self._ema: AveragedModel | None = None
        if settings.ema_decay > 0:
            rule = get_ema_multi_avg_fn(settings.ema_decay)  # type: ignore[no-untyped-call]
            self._ema = AveragedModel(self._generator.net, multi_avg_fn=rule, use_buffers=True)
        self._discriminator: _Optimised | None = None
        if settings.loss.adversarial > 0:
            self._discriminator = self._set_up(Discriminator(net.width or 1.0))

    def _set_up(self, net: nn.Module) -> _Optimised:
        optimiser = build_optimiser(net, self.settings)
        module: Any = torch.compile(net) if self.settings.compile else net
        return _Optimised(net, *self._fabric.setup(module, optimiser))

    @property
    def _optimised(self) -> dict[str, _Optimised]:
        both = {"network": self._generator, "discriminator": self._discriminator}
        return {name: each for name, each in both.items() if each is not None}

    @property
    def net(self) -> Reconstructor:
        """Return the network to validate and keep: with averaged weights if there are any."""
        kept: Any = self._generator.net if self._ema is None else self._ema.module
        return cast(Reconstructor, kept)

    def tensors(self) -> dict[str, Tensor]:
        """Return all that the next epoch depends on."""
        tensors = {} if self._ema is None else add_prefix("ema", self._ema.state_dict())
        for name, each in self._optimised.items():
            tensors |= add_prefix(f"{name}.weights", each.net.state_dict())
            tensors |= add_prefix(f"{name}.optimiser", optimiser_tensors(each.optimiser))
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `tensors` returned."""
        if self._ema is not None:
            self._ema.load_state_dict(strip_prefix("ema", tensors))
        for name, each in self._optimised.items():
            each.net.load_state_dict(strip_prefix(f"{name}.weights", tensors))
            restore_optimiser(each.optimiser, strip_prefix(f"{name}.optimiser", tensors))

    def steps(self, samples: int) -> int:
        """Return the optimiser steps of one epoch."""
        return math.ceil(samples / self._samples_per_step)

    @property
    def _samples_per_step(self) -> int:
        settings = self.settings
        return settings.batch_size * settings.accumulate * self._fabric.world_size

    def epoch(self, epoch: int, samples: Samples) -> Iterator[dict[str, float]]:
        """Train one epoch, counted from 0, and yield the mean loss terms so far.

        Yields once per step: an empty mapping for most steps, and the means of the whole
        epoch at the last.

        Raises
        ------
        Diverged
            If a term is not finite, or a weight at the end of the epoch.
        """
        # Seeded anew, so that an epoch needs no random state of its predecessors.
        seed = self._seed * 1_000_003 + 1009 * epoch
        torch.manual_seed(seed + self._fabric.global_rank)
        self._generator.net.train()
        steps = self.steps(len(samples))
        sums: dict[str, Tensor] = {}
        for done, batches in enumerate(self._batches(samples, seed)):
            self._set_learning_rate((epoch + done / steps) / self.settings.epochs)
            for name, value in self.step(batches).items():
                sums[name] = sums[name] + value if name in sums else value
            last = done + 1 == steps
            means = self._means(sums, done + 1) if last or (done + 1) % _MEANS_EVERY == 0 else {}
            if last:
                # A gradient can be NaN although the loss is finite.
                self._check_weights()
            yield means

    def _batches(self, samples: Samples, seed: int) -> Iterator[list[Batch]]:
        """Yield this process's batches of every step."""
        fabric, settings = self._fabric, self.settings
        order = epoch_order(len(samples), self._samples_per_step, seed).to(samples.ct.device)
        shape = (-1, fabric.world_size, settings.accumulate, settings.batch_size)
        for step in order.view(shape):
            share = step[fabric.global_rank]
            yield [samples.batch(index).to(fabric.device) for index in share]

    def _set_learning_rate(self, progress: float) -> None:
        rate = self.settings.learning_rate * SCHEDULES[self.settings.schedule](progress)
        for each in self._optimised.values():
            for group in each.optimiser.param_groups:
                group["lr"] = rate

    def step(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Train the generator by one step, then the discriminator; return the mean loss terms.

        Parameters
        ----------
        batches
            The batches whose gradients one step averages, on this process's device.
        """
        batches = [Batch(augment(b.views, self.settings.augment), b.target) for b in batches]
        values: dict[str, Tensor] = {}
        predictions = []
        for batch, sync in _with_last(batches):
            with self._fabric.no_backward_sync(self._generator.module, enabled=not sync):
                prediction, terms = self._generator_losses(batch)
                self._fabric.backward(terms["loss"] / len(batches))
            predictions.append(prediction.detach())
            for name, term in terms.items():
                part = term.detach() / len(batches)
                values[name] = values[name] + part if name in values else part
        _optimiser_step(self._generator)
        if self._ema is not None:
            self._ema.update_parameters(self._generator.net)
        if self._discriminator is not None:
            loss = self._discriminator_step(self._discriminator, batches, predictions)
            values["discriminator"] = loss
        return values

    def _generator_losses(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the prediction of a batch and its loss terms, their sum under `loss`."""
        prediction = self._generator.module(batch.views)
        terms = weigh_terms(self.settings.loss.plain(), prediction, batch.target)
        if self._discriminator is not None:
            module = self._discriminator.module
            with self._fabric.no_backward_sync(module), _frozen(self._discriminator.net):
                scores = module(batch.views.image, prediction)
            terms["adversarial"] = self.settings.loss.adversarial * lsgan_generator(scores)
        return prediction, {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def _discriminator_step(
        self, discriminator: _Optimised, batches: Sequence[Batch], predictions: Sequence[Tensor]
    ) -> Tensor:
        """Train the discriminator by one step and return its mean loss."""
        total = torch.zeros((), device=self._fabric.device)
        pairs = list(zip(batches, predictions, strict=True))
        for (batch, prediction), sync in _with_last(pairs):
            with self._fabric.no_backward_sync(discriminator.module, enabled=not sync):
                image = batch.views.image
                # One pass for both: with several processes every pass needs its own reduction.
                scores = discriminator.module(
                    torch.cat([image, image]), torch.cat([batch.target, prediction])
                )
                loss = lsgan_discriminator(*scores.chunk(2)) / len(batches)
                self._fabric.backward(loss)
            total += loss.detach()
        _optimiser_step(discriminator)
        return total

    def _check_weights(self) -> None:
        for name, each in self._optimised.items():
            norms = torch.stack([weight.detach().norm() for weight in each.net.parameters()])
            if not bool(norms.isfinite().all()):
                raise Diverged(f"a weight of the {name} is not a finite number")

    def _means(self, sums: Mapping[str, Tensor], count: int) -> dict[str, float]:
        """Return the means over steps and processes."""
        stacked = torch.stack([value.float() for value in sums.values()]) / count
        shared: Any = self._fabric.all_reduce(stacked, reduce_op="mean")
        means = dict(zip(sums, shared.tolist(), strict=True))
        for name, value in means.items():
            if not math.isfinite(value):
                raise Diverged(f"the loss term '{name}' is {value}")
        return means


def _with_last(items: Sequence[Any]) -> Iterator[tuple[Any, bool]]:
    """Yield each item and whether it is the last, after which processes share gradients."""
    for index, item in enumerate(items, start=1):
        yield item, index == len(items)


def _optimiser_step(trained: _Optimised) -> None:
    trained.optimiser.step()
    trained.optimiser.zero_grad(set_to_none=True)


@contextmanager
def _frozen(net: nn.Module) -> Iterator[None]:
    """Compute no gradients of the weights of `net` inside this context."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
