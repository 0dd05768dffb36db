"""The optimisers by their names in the settings."""

from collections.abc import Callable

from torch import nn
from torch.optim import SGD, Adam, Optimizer

from srnet.config.train import TrainSettings

__all__ = ["OPTIMISERS", "build_optimiser"]

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
