"""Settings of the figures."""

from pydantic import Field

from srnet.config.base import Settings

__all__ = ["FigureSettings"]


class FigureSettings(Settings):
    """How the figures show reconstructions; the same for every method in a figure."""

    scan: str | None = Field(
        None,
        description="test scan that the figures show; unset: the one that the last method of "
        "Table I reconstructs with median error",
    )
    window_hu: tuple[float, float] = Field(
        (-1024.0, 1176.0),
        description="HU shown black and white; bone is stored on a background of -1024 HU",
    )
    surface_hu: float = Field(
        0.0, gt=-1024, lt=1476, description="HU of the surface that 3-D views show"
    )
    dpi: int = Field(200, ge=50, le=600, description="dots per inch of the PNG files")
