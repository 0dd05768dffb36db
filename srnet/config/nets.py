"""Settings of the reconstruction networks, one class per network."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from srnet.config.base import Settings


def _off(value: Any) -> Any:
    """Read `off` as a word: YAML takes it for false unless it is quoted."""
    return "off" if value is False else value


_Off = BeforeValidator(_off)


class NetSettings(Settings):
    """What every network has."""

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


class X2ctSettings(NetSettings):
    """X2CT-GAN (Ying et al. 2019), reference [37] of the paper."""

    name: Literal["x2ct"] = "x2ct"
    views: Literal[1, 2] = Field(2, description="1: AP only; 2: AP and lateral")


class Srnet3dSettings(NetSettings):
    """3DSRNet, Figs 1-4 of the paper."""

    name: Literal["srnet3d"] = "srnet3d"
    aspp: bool = Field(True, description="atrous spatial pyramid pooling on encoder features")
    srct: Annotated[Literal["pyramid", "deformable", "off"], _Off] = Field(
        "pyramid",
        description="pyramid: Fig. 3 as the text has it; deformable: attention on lifted skips",
    )
    srte: Annotated[Literal["text", "stem", "off"], _Off] = Field(
        "text", description="text: Fig. 4 on the first encoder layers; stem: on the stem only"
    )


class PsrSettings(NetSettings):
    """PatRecon (Shen et al. 2019), reference [34]: a single AP x-ray."""

    name: Literal["psr"] = "psr"


class SitSettings(NetSettings):
    """Single-image tomography (Henzler et al. 2018), reference [36]."""

    name: Literal["sit"] = "sit"


class EteSettings(NetSettings):
    """End-to-end bone reconstruction (Kasten et al. 2020), reference [33]."""

    name: Literal["ete"] = "ete"


Net = Annotated[
    X2ctSettings | Srnet3dSettings | PsrSettings | SitSettings | EteSettings,
    Field(discriminator="name"),
]
