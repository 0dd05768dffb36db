"""The whole configuration of a run, its default methods, and their names in print."""

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from srnet.config.base import Folder, Settings, difference, overlay
from srnet.config.clinical import ClinicalSettings
from srnet.config.cohort import CohortSettings, SplitSettings
from srnet.config.evaluate import EvaluateSettings
from srnet.config.figures import FigureSettings
from srnet.config.nets import NETWORKS, Net
from srnet.config.prepare import BoneSettings, DrrSettings, ResampleSettings
from srnet.config.train import TrainSettings


class MethodSettings(Settings):
    """One trained method: a network, and what its training changes."""

    net: Net
    train: dict[str, Any] = Field(
        default_factory=dict, description="keys of `train` that this method overrides"
    )


class TableSettings(Settings):
    """Which methods stand in which table of the paper."""

    table1: tuple[str, ...] = Field(
        ("psr", "sit", "x2ct", "ete", "srnet3d"), description="rows of Table I"
    )
    table2: tuple[str, ...] = Field(
        ("srnet3d", "srnet3d_no_aspp", "srnet3d_no_srct", "srnet3d_no_srte", "srnet3d_dc"),
        description="rows of Table II, the ablation of modules",
    )
    table3: tuple[str, ...] = Field(
        ("srnet3d_eq12", "srnet3d_no_igdl", "srnet3d_no_ffl"),
        description="rows of Table III, the ablation of losses",
    )


# The MSE of eq. 11 has a factor of 1/2.
_EQUATION_12 = {"mse": 0.25, "igdl": 0.25, "ffl": 0.25, "projection": 0.0}

# Name in print, changes of the network, weights of the loss terms.
_ABLATIONS: dict[str, tuple[str, dict[str, Any], dict[str, float]]] = {
    "srnet3d_no_aspp": ("without ASPP", {"aspp": False}, {}),
    "srnet3d_no_srct": ("without SRCT", {"srct": "off"}, {}),
    "srnet3d_no_srte": ("without SRTE", {"srte": "off"}, {}),
    "srnet3d_eq12": ("3DSRNet, eq. 12", {}, _EQUATION_12),
    "srnet3d_no_igdl": ("without IGDL3D", {}, _EQUATION_12 | {"igdl": 0.0}),
    "srnet3d_no_ffl": ("without FFL3D", {}, _EQUATION_12 | {"ffl": 0.0}),
}


def _method(net: str, changes: Mapping[str, Any] | None = None, **train: Any) -> MethodSettings:
    return MethodSettings.parse({"net": {"name": net, **(changes or {})}, "train": train})


_METHODS = {
    **{name: _method(name) for name in NETWORKS},
    **{
        row: _method("srnet3d", changes, **({"loss": loss} if loss else {}))
        for row, (_, changes, loss) in _ABLATIONS.items()
    },
    "srnet3d_dc": _method(
        "srnet3d", {"physics": "mlem", "sweeps": 3}, augment={"gain": 0.05, "noise": 0.01}
    ),
}


def method_label(row: str) -> str:
    """Return the name of a method in tables and figures.

    A network's own method has the network's label and an ablation its name in the paper;
    `NETWORK_dc` stands for data consistency, "LABEL + ML-EM". Other rows keep their words.
    """
    if row in _ABLATIONS:
        return _ABLATIONS[row][0]
    network = NETWORKS.get(row.removesuffix("_dc"))
    if network is None:
        return row.replace("_", " ")
    return f"{network.label} + ML-EM" if row.endswith("_dc") else network.label


class Config(Settings):
    """The whole configuration. `config.yaml` holds what differs from the defaults here."""

    results: Folder = Field("results", description="folder of everything a run writes")
    seed: int = Field(1, ge=0, description="seed of everything random")
    size: Literal[32, 64, 128] = Field(64, description="edge of the volumes and x-rays in voxels")
    width: float = Field(
        0.25, gt=0, le=2, description="width of every network that does not set its own"
    )
    cohort: CohortSettings = CohortSettings()
    bone: BoneSettings = BoneSettings()
    resample: ResampleSettings = ResampleSettings()
    drr: DrrSettings = DrrSettings()
    split: SplitSettings = SplitSettings()
    train: TrainSettings = TrainSettings()
    methods: dict[str, MethodSettings] = Field(
        _METHODS,
        description="name of a row in the tables: its network and training; "
        "those given here join the known ones",
    )
    tables: TableSettings = TableSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    figures: FigureSettings = FigureSettings()
    clinical: ClinicalSettings = ClinicalSettings()
    gpus: int = Field(
        0,
        ge=0,
        description="GPUs that a training asks the scheduler for, a prediction at most one",
    )

    @field_validator("methods", mode="before")
    @classmethod
    def _add_to_known_methods(cls, given: Any) -> Any:
        return _METHODS | dict(given) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _check_rows(self) -> Self:
        named = [(f"{table} lists", row) for table, rows in self.tables for row in rows]
        clinical = self.clinical
        if clinical.table and not clinical.model:
            named.append(("clinical.method is", clinical.method))
        for where, row in named:
            if row not in self.methods:
                known = ", ".join(sorted(self.methods))
                raise ValueError(f"{where} '{row}', which is no method; methods: {known}")
        for name in self.methods:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
                raise ValueError(
                    f"methods has a key {name!r}, which names files: use plain letters, digits, "
                    "'.', '_' and '-' only"
                )
            self.training(name)
        return self

    def net(self, method: str) -> Net:
        """Return the network of `method` with its width filled in."""
        net = self.methods[method].net
        return net if net.width is not None else net.model_copy(update={"width": self.width})

    def training(self, method: str) -> TrainSettings:
        """Return the training settings of `method`: `train`, overlaid with the method's own.

        A method may choose another recipe; what the run changes in its recipe is kept.
        """
        recipe = {"recipe": self.train.recipe}
        changed = difference(self.train.plain(), TrainSettings.parse(recipe).plain())
        return TrainSettings.parse(overlay(recipe | changed, self.methods[method].train))
