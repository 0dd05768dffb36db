"""The whole configuration of a run: defaults, validation and documentation."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from srnet.config.base import Folder, Settings, difference, overlay
from srnet.config.clinical import ClinicalSettings
from srnet.config.cohort import CohortSettings, SplitSettings
from srnet.config.evaluate import EvaluateSettings
from srnet.config.figures import FigureSettings
from srnet.config.nets import (
    EteSettings,
    Net,
    PsrSettings,
    SitSettings,
    Srnet3dSettings,
    X2ctSettings,
)
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


def _srnet3d(net: dict[str, Any] | None = None, **train: Any) -> MethodSettings:
    return MethodSettings(net=Srnet3dSettings.model_validate(net or {}), train=train)


# The MSE of eq. 11 has a factor of 1/2.
_EQUATION_12 = {"mse": 0.25, "igdl": 0.25, "ffl": 0.25, "projection": 0.0}
_METHODS = {
    "psr": MethodSettings(net=PsrSettings()),
    "sit": MethodSettings(net=SitSettings()),
    "x2ct": MethodSettings(net=X2ctSettings()),
    "ete": MethodSettings(net=EteSettings()),
    "srnet3d": _srnet3d(),
    "srnet3d_no_aspp": _srnet3d({"aspp": False}),
    "srnet3d_no_srct": _srnet3d({"srct": "off"}),
    "srnet3d_no_srte": _srnet3d({"srte": "off"}),
    "srnet3d_eq12": _srnet3d(loss=_EQUATION_12),
    "srnet3d_no_igdl": _srnet3d(loss=_EQUATION_12 | {"igdl": 0.0}),
    "srnet3d_no_ffl": _srnet3d(loss=_EQUATION_12 | {"ffl": 0.0}),
    "srnet3d_dc": _srnet3d(
        {"physics": "mlem", "sweeps": 3}, augment={"gain": 0.05, "noise": 0.01}
    ),
}


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
        for table in ("table1", "table2", "table3"):
            for row in getattr(self.tables, table):
                if row not in self.methods:
                    known = ", ".join(sorted(self.methods))
                    raise ValueError(
                        f"{table} lists '{row}', which is no method; methods: {known}"
                    )
        for name in self.methods:
            self.training(name)
        clinical = self.clinical
        if clinical.table and not clinical.model and clinical.method not in self.methods:
            known = ", ".join(sorted(self.methods))
            raise ValueError(
                f"clinical.method is '{clinical.method}', which is no method; methods: {known}"
            )
        return self

    def net(self, method: str) -> Net:
        """Return the network of `method` with its width filled in."""
        net = self.methods[method].net
        return net if net.width is not None else net.model_copy(update={"width": self.width})

    def training(self, method: str) -> TrainSettings:
        """Return the training settings of `method`: `train` with its own changes laid over.

        A method may choose another recipe; what the run changes of its own recipe is kept.
        """
        recipe = {"recipe": self.train.recipe}
        changed = difference(self.train.plain(), TrainSettings.parse(recipe).plain())
        return TrainSettings.parse(overlay(recipe | changed, self.methods[method].train))
