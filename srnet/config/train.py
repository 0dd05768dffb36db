"""Settings of the training: optimiser, schedule, losses, recipes."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from srnet.config.base import Settings, overlay

__all__ = ["LossWeights", "TrainSettings"]


class LossWeights(Settings):
    """Weights of the generator's loss terms; a weight of 0 removes the term."""

    mse: float = Field(1.0, ge=0, description="mean squared error of the volume, eq. 11")
    l1: float = Field(0.0, ge=0, description="mean absolute error of the volume")
    projection: float = Field(1.0, ge=0, description="L1 of mean projections along three axes")
    igdl: float = Field(0.0, ge=0, description="image gradient difference loss, eq. 7")
    ffl: float = Field(0.0, ge=0, description="focal frequency loss, eqs 8-10")
    adversarial: float = Field(0.0, ge=0, description="least-squares GAN, generator's side")


_RECIPES: dict[str, dict[str, Any]] = {
    "quick": {},
    "paper": {
        "optimiser": "sgd",
        "learning_rate": 0.01,
        "momentum": 0.9,
        "weight_decay": 0.001,
        "schedule": "steps",
        "epochs": 200,
        "batch_size": 2,
        "validate_every": 10,
        "loss": {"mse": 0.5, "projection": 0.0, "igdl": 0.25, "ffl": 0.25, "adversarial": 0.5},
    },
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

    recipe: Literal["quick", "paper", "released"] = Field(
        "quick",
        description="quick: minutes on a CPU; paper: section IV.A; "
        "released: as in the authors' later release",
    )
    optimiser: Literal["adam", "sgd"] = Field("adam", description="optimiser of both networks")
    learning_rate: float = Field(3e-3, gt=0, description="initial learning rate")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum, or Adam's first beta")
    weight_decay: float = Field(0.0, ge=0, description="L2 penalty on the weights")
    schedule: Literal["constant", "cosine", "steps", "linear"] = Field(
        "cosine",
        description="cosine: to zero; steps: /10 after 40 % and 70 % of the epochs; "
        "linear: constant for half of the epochs, then to zero",
    )
    epochs: int = Field(12, ge=1, description="passes over the training set")
    batch_size: int = Field(2, ge=1, description="scans a step")
    validate_every: int = Field(2, ge=1, description="epochs between validations")
    loss: LossWeights = Field(LossWeights(), description="weights of the loss terms")
    gamma: bool = Field(False, description="gamma-correct the input x-rays, eqs 19-20")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16: automatic mixed precision"
    )
    device: Literal["auto", "cpu", "gpu"] = Field("auto", description="auto: a GPU if present")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_recipe(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return overlay(_RECIPES.get(values.get("recipe", "quick"), {}), values)
