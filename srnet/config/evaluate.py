"""Settings of the evaluation."""

from pydantic import Field

from srnet.config.base import Settings

__all__ = ["EvaluateSettings"]


class EvaluateSettings(Settings):
    """Metrics of the test set."""

    lpips_weights: str | None = Field(
        None,
        description="file with the trained AlexNet features for LPIPS; without it the column "
        "stays empty, with the reason, since random features do not give LPIPS",
    )
    bone_threshold: float = Field(
        0.25, gt=0, lt=1, description="network value above which a voxel counts as bone"
    )

    @property
    def lpips_files(self) -> list[str]:
        """Return the weight file as a list, empty where none is given."""
        return [self.lpips_weights] if self.lpips_weights else []
