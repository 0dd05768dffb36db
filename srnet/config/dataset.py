"""Settings of the split and of the stored data set."""

from pydantic import Field

from srnet.config.base import Settings

__all__ = ["SplitSettings"]


class SplitSettings(Settings):
    """The 8:1:1 split, grouped by patient (section IV.A of the paper)."""

    validation_fraction: float = Field(0.1, gt=0, lt=0.5, description="share of scans, floored")
    test_fraction: float = Field(0.1, gt=0, lt=0.5, description="share of scans, floored")
