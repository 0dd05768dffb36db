"""Settings of the evaluation."""

from pydantic import Field

from srnet.config.base import Settings

LPIPS_FETCHED = "resources/lpips/alexnet-owt-7be5be79.pth"
"""Where `lpips_weights: fetch` puts torchvision's AlexNet."""


class EvaluateSettings(Settings):
    """Metrics of the test set."""

    lpips_weights: str | None = Field(
        None,
        min_length=1,
        description="fetch: download torchvision's AlexNet, or a file with its trained "
        "features (.pth or .npz); without it the column LPIPS stays empty, with the reason, "
        "since random features do not give LPIPS",
    )
    bone_threshold: float = Field(
        0.25, gt=0, lt=1, description="network value above which a voxel counts as bone"
    )

    @property
    def lpips_files(self) -> list[str]:
        """Return the weight file as a list, empty where none is asked for."""
        if self.lpips_weights is None:
            return []
        return [LPIPS_FETCHED if self.lpips_weights == "fetch" else self.lpips_weights]
