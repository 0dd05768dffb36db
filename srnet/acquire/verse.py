"""VerSe'19 and VerSe'20 from OSF: the table of public scans, `config/scans.tsv`, and the source.

The table has one row for each scan of a release; `srnet scans refresh` fills in its addresses.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from srnet.acquire.local import read
from srnet.acquire.scan import Remote, Scan
from srnet.config.base import Settings
from srnet.config.cohort import VerseSource
from srnet.core.atomic import write_text
from srnet.core.errors import SrnetError

__all__ = ["PublicScan", "list_source", "read", "read_table", "write_table"]

GL_LICENCE = "CC-BY-NC-ND"
"""Licence of the images of the 30 subjects whose names begin with gl."""


class PublicScan(Settings):
    """One row of the table."""

    scan_id: str = Field(description="release and scan, such as verse20-verse512")
    patient_id: str = Field(description="subject of the publisher; the split goes by it")
    physical_id: str = Field(description="equal for one scan in two releases")
    release: Literal["verse19", "verse20"] = Field(description="data set")
    osf_file_id: str = Field("", description="id of the file on OSF, empty until refreshed")
    url: str = Field("", description="address, empty until refreshed")
    bytes: int = Field(0, ge=0, description="length, 0 until refreshed")
    sha256: str = Field("", description="digest that the publisher's API states")
    licence: str = Field(description="licence of the images")
    include: Literal["yes", "no"] = Field("yes", description="no: never part of a cohort")
    reason: str = Field("", description="why it is not included")
    labels_url: str = Field("", description="address of vertebra labels, empty until refreshed")
    labels_bytes: int = Field(0, ge=0, description="their length")
    labels_sha256: str = Field("", description="their digest")


def read_table(path: str | Path) -> list[PublicScan]:
    """Return the rows of a table in its order.

    Raises
    ------
    SrnetError
        If the file is missing, or a row is wrong, with its line number.
    """
    path = Path(path)
    if not path.is_file():
        raise SrnetError(f"{path}: the table does not exist; set 'table' to config/scans.tsv")
    found = []
    with path.open(newline="", encoding="utf-8") as handle:
        for line, row in enumerate(csv.DictReader(handle, delimiter="\t"), start=2):
            try:
                found.append(PublicScan.parse(row))
            except SrnetError as mistake:
                raise SrnetError(f"{path}, line {line}: {mistake}") from None
    return found


def write_table(path: str | Path, rows: Sequence[PublicScan]) -> None:
    """Write rows as tab-separated text with a header."""
    text = io.StringIO()
    columns = list(PublicScan.model_fields)
    writer = csv.DictWriter(text, columns, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.plain() for row in rows)
    write_text(path, text.getvalue())


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
    labels = None
    if row.labels_url:
        labels = Remote(
            name="labels.nii.gz",
            url=row.labels_url,
            bytes=row.labels_bytes,
            sha256=row.labels_sha256,
        )
    return Scan(
        scan_id=row.scan_id,
        patient_id=row.patient_id,
        physical_id=row.physical_id,
        source=row.release,
        remotes=(Remote(name="ct.nii.gz", url=row.url, bytes=row.bytes, sha256=row.sha256),),
        licence=row.licence,
        labels_remote=labels,
    )
