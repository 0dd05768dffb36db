"""The scan table: one row per scan, known before anything is read or fetched."""

from pathlib import Path

from pydantic import Field

from srnet.config.base import Settings
from srnet.config.cohort import CohortSettings

__all__ = ["Scan", "list_scans"]


class Scan(Settings):
    """One row of the scan table."""

    scan_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", description="unique name")
    patient_id: str = Field(description="scans of one patient never part in a split")
    source: str = Field(description="kind of source: phantom, folder, verse19, ...")
    files: tuple[str, ...] = Field((), description="local files of the scan, empty if generated")
    index: int = Field(0, ge=0, description="number of a generated scan")
    licence: str = Field("unknown", description="licence of the scan")


def list_scans(cohort: CohortSettings) -> list[Scan]:
    """Return every scan of the cohort, in a stable order."""
    raise NotImplementedError
