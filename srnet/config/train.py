"""Settings of the training: optimiser, schedule, losses, recipes."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from srnet.config.base import Settings, overlay


class LossWeights(Settings):
    """Weights of the generator's loss terms; a weight of 0 removes the term."""

    mse: float = Field(1.0, ge=0, description="mean squared error of the volume, eq. 11")
    l1: float = Field(0.0, ge=0, description="mean absolute error of the volume")
    projection: float = Field(0.0, ge=0, description="L1 of mean projections along three axes")
    igdl: float = Field(0.0, ge=0, description="image gradient difference loss, eq. 7")
    igdl_depth: float = Field(
        0.0, ge=0, description="the same over all three axes, which eq. 7 has not"
    )
    ffl: float = Field(0.0, ge=0, description="focal frequency loss, eqs 8-10")
    adversarial: float = Field(0.0, ge=0, description="least-squares GAN, generator's side")

    @model_validator(mode="after")
    def _check_some(self) -> Self:
        if not any(self.plain().values()):
            raise ValueError("every weight is 0, so nothing would be learned; set mse: 1")
        return self


class AugmentSettings(Settings):
    """What is varied in the x-rays of each training step; 0 switches it off."""

    gain: float = Field(
        0.0,
        ge=0,
        description="standard deviation of the logarithm of each view's scale; it changes the "
        "line integrals, which `physics: mlem` uses, and not the normalised images",
    )
    noise: float = Field(
        0.0, ge=0, description="standard deviation of noise in both, as a share of the maximum"
    )


# Eq. 12 with w = 0.5, 0.25, 0.25; both halves of L_GAN(G) carry the 1/2 of eq. 11.
_PAPER: dict[str, Any] = {
    "optimiser": "sgd",
    "learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 0.001,
    "schedule": "steps",
    "epochs": 200,
    "batch_size": 2,
    "validate_every": 10,
    "loss": {"mse": 0.25, "igdl": 0.25, "ffl": 0.25, "adversarial": 0.25},
}

_RECIPES: dict[str, dict[str, Any]] = {
    "quick": {},
    "paper": _PAPER,
    "paper_literal": overlay(_PAPER, {"loss": {"adversarial": 0.0}}),
    "released": {
        "optimiser": "adam",
        "learning_rate": 2e-4,
        "momentum": 0.5,
        "schedule": "linear",
        "epochs": 100,
        "batch_size": 4,
        "validate_every": 10,
        "loss": {"mse": 10.0, "projection": 10.0, "adversarial": 0.1},
    },
}


class TrainSettings(Settings):
    """How a network is trained. A recipe sets defaults; keys beside it override them."""

    recipe: Literal["quick", "paper", "paper_literal", "released"] = Field(
        "quick",
        description="quick: minutes on a CPU; paper: section IV.A with an adversarial term; "
        "paper_literal: eq. 11 as printed, without one; released: X2CT-GAN's training, on which "
        "the authors' later release builds",
    )
    optimiser: Literal["adam", "sgd"] = Field("adam", description="optimiser of both networks")
    learning_rate: float = Field(3e-3, gt=0, description="initial learning rate")
    momentum: float = Field(
        0.9, ge=0, lt=1, description="momentum, or Adam's first beta; the second is 0.99"
    )
    weight_decay: float = Field(0.0, ge=0, description="L2 penalty on the weights")
    schedule: Literal["constant", "cosine", "steps", "linear"] = Field(
        "cosine",
        description="cosine: to zero; steps: /10 after 40 % and 70 % of the epochs; "
        "linear: constant for half of the epochs, then to zero",
    )
    epochs: int = Field(4, ge=1, description="passes over the training set")
    batch_size: int = Field(2, ge=1, description="scans that a process sees at once")
    accumulate: int = Field(
        1, ge=1, description="batches whose gradients are averaged before a step"
    )
    ema_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="decay of an exponential moving average of the weights, which is then what "
        "is validated and kept; 0: none",
    )
    validate_every: int = Field(2, ge=1, description="epochs between validations")
    keep: Literal["best", "last"] = Field(
        "best", description="best: the weights of the validation with the highest PSNR3D"
    )
    loss: LossWeights = Field(LossWeights(), description="weights of the loss terms")
    augment: AugmentSettings = Field(AugmentSettings(), description="variation of the x-rays")
    gamma: bool = Field(False, description="gamma-correct the input x-rays, eqs 19-20")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16: automatic mixed precision"
    )
    compile: bool = Field(False, description="compile the networks, which takes a minute or more")
    device: Literal["auto", "cpu", "gpu"] = Field(
        "auto", description="auto: a GPU if there is one"
    )
    processes: int = Field(
        1,
        ge=1,
        description="processes a node that share a training, each with a GPU or its CPU threads",
    )
    nodes: int = Field(
        1, ge=1, description="nodes that share a training; more than 1 within a SLURM job only"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in_recipe(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        recipe = values.get("recipe", "quick")
        return overlay(_RECIPES.get(recipe, {}) if isinstance(recipe, str) else {}, values)
