"""Settings of the reconstruction networks: one class per network, joined in `Net`."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, TypeAdapter

from srnet.config.base import Settings

# YAML reads an unquoted `off` as false.
_Off = BeforeValidator(lambda value: "off" if value is False else value)


class NetSettings(Settings):
    """Settings that every network has."""

    label: ClassVar[str]
    """Name of the network in tables and figures."""

    width: float | None = Field(
        None, gt=0, le=2, description="channels as a fraction of the published; unset: `width`"
    )
    physics: Literal["none", "mlem"] = Field(
        "none", description="mlem: end in differentiable ML-EM updates against the x-rays"
    )
    sweeps: int = Field(
        1, ge=1, le=20, description="of `physics: mlem`: updates by each x-ray, in turn"
    )
    output: Literal["revivable", "relu"] = Field(
        "revivable",
        description="ReLU at the output; revivable: its gradient also lets clamped voxels rise. "
        "Without effect under mlem, which needs a positive output",
    )


class PsrSettings(NetSettings):
    """PatRecon (Shen et al. 2019), reference [34]: a single AP x-ray."""

    label: ClassVar[str] = "PSR"
    name: Literal["psr"] = "psr"


class SitSettings(NetSettings):
    """Single-image tomography (Henzler et al. 2018), reference [36]."""

    label: ClassVar[str] = "SIT"
    name: Literal["sit"] = "sit"


class X2ctSettings(NetSettings):
    """X2CT-GAN (Ying et al. 2019), reference [37] of the paper."""

    label: ClassVar[str] = "X2CT"
    name: Literal["x2ct"] = "x2ct"
    views: Literal[1, 2] = Field(2, description="1: AP only; 2: AP and lateral")


class EteSettings(NetSettings):
    """End-to-end bone reconstruction (Kasten et al. 2020), reference [33]."""

    label: ClassVar[str] = "ETE"
    name: Literal["ete"] = "ete"


class Srnet3dSettings(NetSettings):
    """3DSRNet, Figs 1-4 of the paper."""

    label: ClassVar[str] = "3DSRNet"
    name: Literal["srnet3d"] = "srnet3d"
    aspp: bool = Field(True, description="atrous spatial pyramid pooling on encoder features")
    srct: Annotated[Literal["pyramid", "deformable", "off"], _Off] = Field(
        "pyramid",
        description="pyramid: Fig. 3 as the text has it; deformable: attention on lifted skips",
    )
    srte: Annotated[Literal["text", "stem", "off"], _Off] = Field(
        "text", description="text: Fig. 4 on the first encoder layers; stem: on the stem only"
    )


Net = Annotated[
    PsrSettings | SitSettings | X2ctSettings | EteSettings | Srnet3dSettings,
    Field(discriminator="name"),
]

NETWORKS: dict[str, type[NetSettings]] = {
    member.model_fields["name"].default: member for member in get_args(get_args(Net)[0])
}
"""The settings class of every network by its name, in the order of `Net`."""


def parse_net(values: Mapping[str, Any]) -> Net:
    """Return the settings that `plain()` returned as plain types."""
    net: Net = TypeAdapter(Net).validate_python(values)
    return net
