"""`config/scans.tsv`: one row for each scan of a public release."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from srnet.atomic import write_text
from srnet.config.base import Settings
from srnet.errors import SrnetError

__all__ = ["PublicScan", "read_table", "write_table"]


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
        raise SrnetError(f"{path}: there is no such table; set 'table' to config/scans.tsv")
    with path.open(newline="", encoding="utf-8") as handle:
        rows = csv.DictReader(handle, delimiter="\t")
        found = []
        for line, row in enumerate(rows, start=2):
            try:
                found.append(PublicScan.parse(row))
            except SrnetError as mistake:
                raise SrnetError(f"{path}, line {line}: {mistake}") from None
    return found


def write_table(path: str | Path, rows: Sequence[PublicScan]) -> None:
    """Write rows as tab-separated text with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(PublicScan.model_fields), delimiter="\t", lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(row.plain() for row in rows)
    write_text(path, text.getvalue())
