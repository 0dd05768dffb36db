"""The address of one file, apart from all that fetches it, so that reading tables stays light."""

from pydantic import Field

from srnet.config.base import Settings

__all__ = ["Remote"]


class Remote(Settings):
    """One file to fetch: what, from where, and how to know that it is right."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="file name on disk")
    url: str = Field(pattern=r"^https?://", description="address")
    bytes: int = Field(0, ge=0, description="length, 0 if it is not known")
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="empty if it is not known")
