"""Stage: list the scans of a cohort, and read or generate each as a checked canonical CT.

Every kind of source has a module of its own, which `SOURCES` names.
"""

from collections import Counter
from pathlib import Path
from typing import Any, Protocol

from srnet.acquire import collection, generated, local, openkbp, verse
from srnet.acquire.duplicates import unite_patients
from srnet.acquire.integrity import check_values
from srnet.acquire.scan import Scan
from srnet.config.cohort import CohortSettings
from srnet.core.errors import SrnetError
from srnet.core.rejection import raise_if_rejected
from srnet.imaging.volume import Volume


class Source(Protocol):
    """What the module of a kind of source offers.

    Scans are listed whenever the workflow is read. Such a module is therefore light to import,
    and imports what generates or decodes scans only when it reads one.
    """

    __name__: str

    def list_source(self, settings: Any, /) -> list[Scan]:
        """Return the scans of a source in a stable order."""

    def read(self, scan: Scan, seed: int, /) -> Volume:
        """Return one scan in the canonical orientation, its values as in the file."""


SOURCES: dict[str, Source] = {
    "phantom": generated,
    "folder": local,
    "benmicrosoft": collection,
    "melihaslan": collection,
    "openkbp": openkbp,
    "verse19": verse,
    "verse20": verse,
}
"""The module of each kind of source."""


def find_source(kind: str) -> Source:
    """Return the module of a kind of source, or raise `SrnetError` if there is no such kind."""
    if kind not in SOURCES:
        raise SrnetError(f"'{kind}' is not a source of scans; sources: {', '.join(SOURCES)}")
    return SOURCES[kind]


def list_scans(cohort: CohortSettings) -> list[Scan]:
    """Return every scan of the cohort, in a stable order.

    With `distinct` counting, a physical scan that an earlier source has already listed is left
    out, so that the order of the sources decides which release is kept.

    Raises
    ------
    SrnetError
        If a folder is missing or holds no scan, or two scans share an id.
    """
    listed = [
        _with_files(scan, cohort.downloads)
        for settings in cohort.sources
        for scan in find_source(settings.kind).list_source(settings)
    ]
    if cohort.counting == "distinct":
        first: dict[object, Scan] = {}
        for scan in listed:
            first.setdefault(scan.physical_id or (scan.scan_id, scan.files), scan)
        listed = list(first.values())
    # Some file systems take names for equal that differ only in case.
    times = Counter(scan.scan_id.lower() for scan in listed)
    repeated = [scan.scan_id for scan in listed if times[scan.scan_id.lower()] > 1]
    if repeated:
        count = times[repeated[0].lower()]
        raise SrnetError(
            f"scan id '{repeated[0]}' stands for {count} scans of the cohort; "
            "rename one file, or list the same folder only once"
        )
    first_of: dict[str, str] = {}
    people = {s.scan_id: first_of.setdefault(s.person, s.scan_id) for s in listed if s.person}
    return unite_patients(listed, people)


def _with_files(scan: Scan, downloads: str) -> Scan:
    """Return a remote scan with the names of the local files that its downloads get."""
    if scan.files or not scan.remotes:
        return scan
    folder = f"{downloads}/{scan.scan_id}"
    files = tuple(f"{folder}/{remote.name}" for remote in scan.remotes)
    labels = f"{folder}/{scan.labels_remote.name}" if scan.labels_remote else scan.labels
    return scan.model_copy(update={"files": files, "labels": labels})


def acquire(scan: Scan, seed: int) -> Volume:
    """Generate or read `scan`, bring it to the canonical orientation and check it.

    Parameters
    ----------
    scan
        One row of the scan table; its files must exist.
    seed
        Seed of the run, for generated scans.

    Returns
    -------
    Volume
        int16 HU, at least -1024; padding outside the field of view is air.

    Raises
    ------
    ScanRejected
        If the scan cannot be used, with the file, the reason and the cure.
    """
    for file in scan.files:
        if Path(file).is_file():
            raise_if_rejected(file)
    volume = find_source(scan.source).read(scan, seed)
    return check_values(volume, ", ".join(scan.files) or scan.scan_id)
