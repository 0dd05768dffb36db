"""Settings of the preparation: bone separation, resampling, DRRs, gamma."""

from typing import Literal

from pydantic import Field

from srnet.config.base import Settings


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
    body_hu: float = Field(
        -500.0, description="the body is the largest connected part above this value"
    )
    smallest_piece_mm3: float = Field(
        500.0, ge=0, description="connected pieces of bone below this volume are dropped"
    )
    cortex_excess_hu: float = Field(
        200.0, gt=0, description="cortical bone lies this much above the threshold"
    )
    cortex_fraction: float = Field(
        0.03,
        ge=0,
        le=1,
        description="pieces with a smaller share of cortical bone are dropped: kidneys, couch",
    )
    closing_mm: float = Field(
        2.0, ge=0, description="radius of the ball that closes gaps in the cortex"
    )
    largest_hole_mm2: float = Field(
        1500.0, ge=0, description="holes up to this area are filled in sagittal and coronal slices"
    )
    hole_mean_hu: float = Field(
        -100.0, description="holes with a lower mean are air or fat and stay open"
    )
    largest_growth: float = Field(
        0.8,
        ge=0,
        description="closing and filling are undone where they add more than this share: "
        "noise, not cancellous bone",
    )


class ResampleSettings(Settings):
    """Resampling to a cube of `size` voxels."""

    mode: Literal["resize", "isotropic"] = Field(
        "resize",
        description="resize: the whole field of view, spacing differs by axis (the paper); "
        "isotropic: cubic voxels, padded with air to a cube",
    )


class DrrSettings(Settings):
    """Geometry of the two digitally reconstructed radiographs."""

    source_to_isocentre_mm: float = Field(
        541.0,
        gt=0,
        description="focal spot to the middle of the volume; the detector shows that plane at the "
        "size of its voxels, so that its own distance changes nothing",
    )
