"""Settings of the clinical use: films, meshes, and the table of patients."""

from typing import Literal

from pydantic import Field

from srnet.config.base import Settings


class ClinicalSettings(Settings):
    """From two films to a volume, a mesh and a page."""

    table: str | None = Field(
        None, description="table of film pairs to reconstruct, such as config/clinical.tsv"
    )
    method: str = Field("srnet3d", description="method whose model is exported and used")
    model: str | None = Field(
        None, description="folder of an exported model to use; unset: that of `method` in this run"
    )
    clean: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="denoise films and suppress soft tissue; auto: unless the film already "
        "looks like the training x-rays",
    )
    background_share: float = Field(
        0.6,
        gt=0,
        le=1,
        description="share of the box's width above which a structure is taken as soft tissue",
    )
    bone_threshold: float = Field(
        0.25, gt=0, lt=1, description="network value of the surface of the mesh"
    )
    component_share: float = Field(
        0.02,
        ge=0,
        le=1,
        description="pieces smaller than this share of the largest are left out of the mesh",
    )
    smoothing: int = Field(10, ge=0, le=200, description="steps of Taubin smoothing of the mesh")
    device: Literal["auto", "cpu", "gpu"] = Field(
        "auto", description="auto: a GPU if there is one"
    )
