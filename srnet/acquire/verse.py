"""VerSe'19 and VerSe'20 from OSF: the subject-based trees, file by file."""

from pathlib import Path

from srnet.acquire.local import read_path
from srnet.acquire.remote import Remote
from srnet.acquire.scans import Scan
from srnet.acquire.table import PublicScan, read_table
from srnet.config.cohort import VerseSource
from srnet.errors import SrnetError
from srnet.volume import Volume, canonical

__all__ = ["GL_LICENCE", "list_source", "read"]

GL_LICENCE = "CC-BY-NC-ND"
"""Licence of the images of the 30 subjects whose names begin with gl."""


def list_source(settings: VerseSource) -> list[Scan]:
    """Return the included scans of one release.

    Raises
    ------
    SrnetError
        If the table has no addresses yet.
    """
    rows = [
        row
        for row in read_table(settings.table)
        if row.release == settings.kind
        and row.include == "yes"
        and (settings.non_commercial or row.licence != GL_LICENCE)
    ]
    bare = [row.scan_id for row in rows if not row.url]
    if bare:
        raise SrnetError(
            f"{settings.table}: {len(bare)} scans of {settings.kind} have no address yet, the "
            f"first is {bare[0]}; run `srnet scans refresh` where the internet can be reached"
        )
    return [_to_scan(row) for row in rows][: settings.limit]


def _to_scan(row: PublicScan) -> Scan:
    return Scan(
        scan_id=row.scan_id,
        patient_id=row.patient_id,
        physical_id=row.physical_id,
        source=row.release,
        remotes=(Remote(name="ct.nii.gz", url=row.url, bytes=row.bytes, sha256=row.sha256),),
        licence=row.licence,
        labels_remote=_labels(row) if row.labels_url else None,
    )


def _labels(row: PublicScan) -> Remote:
    return Remote(
        name="labels.nii.gz",
        url=row.labels_url,
        bytes=row.labels_bytes,
        sha256=row.labels_sha256,
    )


def read(scan: Scan, seed: int) -> Volume:  # noqa: ARG001 - the interface of all sources
    """Read a downloaded scan into the canonical orientation."""
    return canonical(read_path(Path(scan.files[0])))
