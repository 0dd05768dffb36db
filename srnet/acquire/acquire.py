"""Stage: from the rows of the scan table to canonical CTs that passed the gate."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from srnet.acquire import collection, generated, local, openkbp, verse
from srnet.acquire.integrity import check_values
from srnet.acquire.scan import Scan
from srnet.config.cohort import CohortSettings
from srnet.core.errors import SrnetError
from srnet.core.rejection import raise_if_rejected
from srnet.imaging.volume import Volume


class Source(Protocol):
    """What the module of a kind of source offers.

    Listing runs whenever the workflow is read, so that such a module is light to import and
    imports what generates or decodes scans only when it reads one.
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
    """Return the module of a kind of source.

    Raises
    ------
    SrnetError
        If there is no such kind.
    """
    if kind not in SOURCES:
        raise SrnetError(f"'{kind}' is no source of scans; sources: {', '.join(SOURCES)}")
    return SOURCES[kind]


def acquire(scan: Scan, seed: int) -> Volume:
    """Generate or read `scan`, bring it to the canonical orientation and check it.

    Parameters
    ----------
    scan
        One row of the scan table; its files must be there.
    seed
        Seed of the run; only generated scans depend on it.

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
        for scan in find_source(settings.kind).list_source(settings)
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
