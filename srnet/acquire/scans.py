"""The scan table: one row per scan, known before anything is read or fetched."""

import importlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from srnet.acquire.remote import Remote
from srnet.config.base import Settings
from srnet.config.cohort import CohortSettings, Region
from srnet.errors import SrnetError

__all__ = ["GENERATED", "SOURCES", "Scan", "list_scans", "source_module"]

SOURCES = {
    "phantom": "srnet.acquire.phantom",
    "folder": "srnet.acquire.local",
    "benmicrosoft": "srnet.acquire.collection",
    "melihaslan": "srnet.acquire.collection",
    "openkbp": "srnet.acquire.openkbp",
    "verse19": "srnet.acquire.verse",
    "verse20": "srnet.acquire.verse",
}
"""Kind of source: its module, which offers two functions.

`list_source(settings) -> Iterable[Scan]` is cheap, since it runs whenever the
workflow is read, and yields scans in a stable order.
`read(scan, seed) -> Volume` is where the work is done.
"""

GENERATED = "generated"
"""Stands for the file of labels of a scan whose labels are generated as it is."""


class Scan(Settings):
    """One row of the scan table."""

    scan_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="unique name")
    patient_id: str = Field(min_length=1, description="scans of one patient never part in a split")
    source: str = Field(description="kind of source: phantom, folder, verse19, ...")
    physical_id: str = Field("", description="equal for one scan in two releases; empty: unique")
    files: tuple[str, ...] = Field((), description="local files of the scan, empty if generated")
    remotes: tuple[Remote, ...] = Field((), description="where `files` are fetched from, in order")
    index: int = Field(0, ge=0, description="number of a generated scan")
    spacing_mm: float = Field(2.0, gt=0, description="nominal voxel size of a generated scan")
    region: Region = Field("whole", description="field of view of a generated scan")
    licence: str = Field("unknown", description="licence of the scan")
    # Only scores depend on labels: they are no part of the params that prepare a scan.
    labels: str = Field("", exclude=True, description="file of vertebra labels, if any")
    labels_remote: Remote | None = Field(None, exclude=True, description="where they come from")


def source_module(kind: str) -> Any:
    """Import the module of a kind of source."""
    if kind not in SOURCES:
        raise SrnetError(f"'{kind}' is no source of scans; sources: {', '.join(SOURCES)}")
    return importlib.import_module(SOURCES[kind])


def list_scans(cohort: CohortSettings) -> list[Scan]:
    """Return every scan of the cohort, in a stable order.

    Under `distinct` counting a scan that an earlier source brought already is
    left out; the order of the sources decides which release is kept.

    Raises
    ------
    SrnetError
        If a folder is missing or holds no scan, or two scans share an id.
    """
    listed = [
        _placed(scan, cohort.downloads)
        for settings in cohort.sources
        for scan in source_module(settings.kind).list_source(settings)
    ]
    scans = _distinct(listed) if cohort.counting == "distinct" else listed
    times = Counter(scan.scan_id for scan in scans)
    twice = [name for name, count in times.items() if count > 1]
    if twice:
        raise SrnetError(
            f"scan id '{twice[0]}' stands for {times[twice[0]]} scans of the cohort; "
            "rename one file, or list the same folder only once"
        )
    return scans


def _placed(scan: Scan, downloads: str) -> Scan:
    """Return a remote scan with the local files that its downloads become."""
    if not scan.remotes:
        return scan
    folder = f"{downloads}/{scan.scan_id}"
    placed: dict[str, Any] = {"files": tuple(f"{folder}/{remote.name}" for remote in scan.remotes)}
    if scan.labels_remote:
        placed["labels"] = f"{folder}/{scan.labels_remote.name}"
    return scan.model_copy(update=placed)


def _distinct(scans: Sequence[Scan]) -> list[Scan]:
    """Return the scans without repeats of a physical scan."""
    first: dict[str, Scan] = {}
    for scan in scans:
        first.setdefault(scan.physical_id or f"only {scan.scan_id} {scan.files}", scan)
    return list(first.values())
