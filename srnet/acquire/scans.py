"""The scan table: one row per scan, known before anything is read or fetched."""

import importlib
from collections import Counter
from typing import Any

from pydantic import Field

from srnet.config.base import Settings
from srnet.config.cohort import CohortSettings, Region
from srnet.errors import SrnetError

__all__ = ["SOURCES", "Scan", "list_scans", "source_module"]

SOURCES = {
    "phantom": "srnet.acquire.phantom",
    "folder": "srnet.acquire.local",
}
"""Kind of source: its module, which offers two functions.

`list_source(settings) -> Iterable[Scan]` is cheap, since it runs whenever the
workflow is read, and yields scans in a stable order.
`read(scan, seed) -> Volume` is where the work is done.
"""


class Scan(Settings):
    """One row of the scan table."""

    scan_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="unique name")
    patient_id: str = Field(min_length=1, description="scans of one patient never part in a split")
    source: str = Field(description="kind of source: phantom, folder, verse19, ...")
    files: tuple[str, ...] = Field((), description="local files of the scan, empty if generated")
    index: int = Field(0, ge=0, description="number of a generated scan")
    spacing_mm: float = Field(2.0, gt=0, description="nominal voxel size of a generated scan")
    region: Region = Field("whole", description="field of view of a generated scan")
    licence: str = Field("unknown", description="licence of the scan")


def source_module(kind: str) -> Any:
    """Import the module of a kind of source."""
    if kind not in SOURCES:
        raise SrnetError(f"'{kind}' is no source of scans; sources: {', '.join(SOURCES)}")
    return importlib.import_module(SOURCES[kind])


def list_scans(cohort: CohortSettings) -> list[Scan]:
    """Return every scan of the cohort, in a stable order.

    Raises
    ------
    SrnetError
        If a folder is missing or holds no scan, or two scans share an id.
    """
    scans = [
        scan
        for settings in cohort.sources
        for scan in source_module(settings.kind).list_source(settings)
    ]
    twice = [name for name, count in Counter(s.scan_id for s in scans).items() if count > 1]
    if twice:
        raise SrnetError(
            f"scan id '{twice[0]}' stands for {Counter(s.scan_id for s in scans)[twice[0]]} scans "
            "of the cohort; rename one file, or list the same folder only once"
        )
    return scans
