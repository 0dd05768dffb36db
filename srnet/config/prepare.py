"""Settings of the preparation: bone separation, resampling, DRRs, gamma."""

from typing import Literal

from pydantic import Field

from srnet.config.base import Settings

__all__ = ["BoneSettings", "DrrSettings", "ResampleSettings"]


class BoneSettings(Settings):
    """K-means bone separation (section IV.A of the paper)."""

    variant: Literal["window", "literal"] = Field(
        "window",
        description="window: two clusters over body voxels in a soft-tissue-to-bone window; "
        "literal: clusters over the whole volume, which fails on padding and air",
    )
    lower_hu: float = Field(0.0, description="voxels at or below do not enter the clustering")
    saturation_hu: float = Field(400.0, description="voxels above enter at this value")
    literal_clusters: int = Field(3, ge=2, le=8, description="clusters of the literal variant")


class ResampleSettings(Settings):
    """Resampling to a cube of `size` voxels."""

    mode: Literal["resize", "isotropic"] = Field(
        "resize",
        description="resize: the whole field of view, spacing differs by axis (the paper); "
        "isotropic: cubic voxels, padded with air to a cube",
    )


class DrrSettings(Settings):
    """Geometry of the two digitally reconstructed radiographs."""

    source_to_isocentre_mm: float = Field(541.0, gt=0, description="focal spot to isocentre")
    source_to_detector_mm: float = Field(949.0, gt=0, description="focal spot to detector")
