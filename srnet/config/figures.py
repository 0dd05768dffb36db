"""Settings of the figures."""

from pydantic import Field

from srnet.config.base import Settings


class FigureSettings(Settings):
    """How the figures show reconstructions; the same for every method in a figure."""

    subject: str = Field(
        "srnet3d",
        description="row of the table that the figures are about: it stands beside the ground "
        "truth, and scans are chosen by its errors; where it is missing, the last row given "
        "takes its place",
    )
    scan: str | None = Field(
        None,
        description="test scan that the overview and Fig. 6 show; unset: the one that `subject` "
        "reconstructs with median error",
    )
    separation_scan: str | None = Field(
        None, description="scan that Fig. 5 shows; unset: the first of the cohort"
    )
    window_hu: tuple[float, float] = Field(
        (-1024.0, 1176.0),
        description="HU shown black and white; bone is stored on a background of -1024 HU",
    )
    dpi: int = Field(200, ge=50, le=600, description="dots per inch of the PNG files")
