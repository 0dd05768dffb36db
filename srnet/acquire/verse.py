"""VerSe'19 and VerSe'20: the table of public scans, `config/scans.tsv`, and the source.

The table has one row for each scan of a release; `srnet scans refresh` fills in its addresses.
"""

import csv
import io
import logging
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from srnet.acquire.local import find_scans, read_scan
from srnet.acquire.scan import ID_PATTERN, SHA256_PATTERN, Remote, Scan, check_published
from srnet.config.base import Settings
from srnet.config.cohort import VerseSource
from srnet.core.atomic import write_text
from srnet.core.errors import SrnetError
from srnet.core.text import read_rows
from srnet.imaging.volume import Volume, canonical

LOG = logging.getLogger(__name__)
_SHOWN = 5

CT, LABELS = "ct", "seg-vert_msk"
"""How the names of a scan and of its vertebra labels end in the subject-based layout."""

SUBJECT_BASED = re.compile(
    r"^sub-(?P<subject>[a-z]+\d+)(?:_split-(?P<split>[a-z]+\d+))?(?:_dir-(?P<dir>[a-z0-9]+))?"
    rf"_(?P<kind>{CT}|{LABELS})\.nii(?:\.gz)?$"
)
"""Names such as sub-verse401_split-verse253_dir-iso_ct.nii.gz."""

_MICCAI = re.compile(
    r"^(?P<subject>(?:verse|gl)\d+)(?:_(?P<split>verse\d+))?(?:[_-]ct)?"
    r"(?:[_-](?P<dir>iso|ax|sag))?(?:_(?P<kind>seg))?\.nii(?:\.gz)?$"
)
"""Names such as verse004.nii.gz, verse401_verse253_CT-iso_seg.nii.gz and GL017_CT_ax.nii.gz."""

_RELEASE = re.compile(r"verse[-_ ]?(?:20)?(19|20)(?!\d)", re.IGNORECASE)

GL_LICENCE = "CC-BY-NC-ND"
"""Licence of the images of the 30 subjects whose names begin with gl."""


class PublicScan(Settings):
    """One row of the table."""

    scan_id: str = Field(
        pattern=ID_PATTERN, description="release and scan, such as verse20-verse512"
    )
    patient_id: str = Field(
        min_length=1, description="subject of the publisher; the split goes by it"
    )
    physical_id: str = Field(description="equal for one scan in two releases")
    release: Literal["verse19", "verse20"] = Field(description="data set")
    osf_file_id: str = Field("", description="id of the file on OSF, empty until refreshed")
    url: str = Field("", pattern=r"^(https?://.*)?$", description="address, empty until refreshed")
    bytes: int = Field(0, ge=0, description="length, 0 until refreshed")
    sha256: str = Field(
        "", pattern=SHA256_PATTERN, description="digest that the publisher's API states"
    )
    licence: str = Field(description="licence of the images")
    include: Literal["yes", "no"] = Field("yes", description="no: never part of a cohort")
    reason: str = Field("", description="why it is not included")
    labels_url: str = Field(
        "",
        pattern=r"^(https?://.*)?$",
        description="address of vertebra labels, empty until refreshed",
    )
    labels_bytes: int = Field(0, ge=0, description="their length")
    labels_sha256: str = Field("", pattern=SHA256_PATTERN, description="their digest")


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
    for line, row in enumerate(read_rows(path), start=2):
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
    """Return the included scans of one release: all to download, or those of a local copy.

    Of a local copy, what is missing and what is not expected is logged as a warning.

    Raises
    ------
    SrnetError
        If the table has no addresses yet, or the local copy holds no scan of the release.
    """
    table = read_table(settings.table)
    rows = [
        row
        for row in table
        if row.release == settings.kind
        and row.include == "yes"
        and (settings.non_commercial or row.licence != GL_LICENCE)
    ]
    if settings.path is not None:
        return _local_scans(settings, settings.path, rows, table)[: settings.limit]
    bare = [row.scan_id for row in rows if not row.url]
    if bare:
        raise SrnetError(
            f"{settings.table}: {len(bare)} scans of {settings.kind} have no address yet, the "
            f"first is {bare[0]}; run `srnet scans refresh` where the internet can be reached, or "
            "set 'path' to the folder where you have them"
        )
    return [_to_scan(row) for row in rows][: settings.limit]


@dataclass(frozen=True)
class _File:
    """An image of a local copy, by its name.

    `scan` and `subject` are the publisher's; in the MICCAI layout most names have only the scan.
    """

    path: Path
    published: bool
    subject: str
    scan: str
    direction: str
    labels: bool


def _local_scans(
    settings: VerseSource, path: str, rows: Sequence[PublicScan], table: Sequence[PublicScan]
) -> list[Scan]:
    """Return those of `rows` whose file lies in a folder, and warn of all others."""
    folder = Path(path)
    patients = {row.physical_id: row.patient_id for row in table}
    ours = {row.physical_id for row in table if row.release == settings.kind}
    cts: dict[str, list[_File]] = defaultdict(list)
    labels: dict[tuple[bool, str, str], list[_File]] = defaultdict(list)
    others, unexpected, repeated = [], [], []
    for found in (one.path for one in find_scans(folder)):
        name = found.relative_to(folder)
        file = _parse(found)
        scan = _physical_id(file, patients) if file else None
        if file is None or scan is None:
            unexpected.append(name.as_posix())
        elif scan not in ours or _release_of(name) not in (settings.kind, ""):
            others.append(name.as_posix())
        elif file.labels:
            labels[file.published, file.scan, file.direction].append(file)
        else:
            cts[scan].append(file)
    scans = []
    for row in rows:
        if not cts[row.physical_id]:
            continue
        file, *more = sorted(cts[row.physical_id], key=lambda f: _preference(f, folder))
        repeated += [other.path.relative_to(folder).as_posix() for other in more]
        masks = labels[file.published, file.scan, file.direction]
        scans.append(_local_scan(row, file, _nearest(masks, file)))
    if not scans:
        raise SrnetError(
            f"{folder}: holds no file of {settings.kind} that {settings.table} lists, such as "
            "rawdata/sub-verse004/sub-verse004_ct.nii.gz or verse004.nii.gz; correct 'path', or "
            "leave it out to download the release"
        )
    listed = {scan.scan_id for scan in scans}
    missing = [row.scan_id for row in rows if row.scan_id not in listed]
    bare = [scan.scan_id for scan in scans if not scan.labels]
    kind = settings.kind
    _warn(folder, f"{{}} of {len(rows)} scans of {kind} are missing", missing)
    _warn(folder, f"{{}} of {len(scans)} scans of {kind} have no vertebra labels", bare)
    _warn(folder, f"{{}} images of another release than {kind} are left out", others)
    _warn(folder, "{} images that repeat a scan are left out", repeated)
    _warn(folder, f"{{}} images that {settings.table} does not list are left out", unexpected)
    return scans


def _parse(path: Path) -> _File | None:
    """Return what the name of a file says, or None where it is no name of VerSe's."""
    based, miccai = SUBJECT_BASED.match(path.name.lower()), _MICCAI.match(path.name.lower())
    match = based or miccai
    if match is None:
        return None
    return _File(
        path=path,
        published=based is not None,
        subject=match["subject"],
        scan=match["split"] or match["subject"],
        direction=match["dir"] or "",
        labels=match["kind"] in (LABELS, "seg"),
    )


def _physical_id(file: _File, patients: Mapping[str, str]) -> str | None:
    """Return the scan of the table that a file is of, or None if the table contradicts it."""
    for scan in (f"{file.scan}-{file.direction}", file.scan):
        if patients.get(scan) == file.subject or (scan in patients and file.scan == file.subject):
            return scan
    return None


def _preference(file: _File, folder: Path) -> tuple[bool, bool, Path]:
    """Return what sorts the files of one scan, the one to take first.

    The publishers advise to use the subject-based layout.
    """
    return not file.published, not _release_of(file.path.relative_to(folder)), file.path


def _release_of(name: Path) -> str:
    """Return the release that a folder on the way to a file is named after, or an empty text."""
    found = [match for part in name.parent.parts if (match := _RELEASE.search(part))]
    return f"verse{found[-1][1]}" if found else ""


def _nearest(masks: Sequence[_File], file: _File) -> str:
    """Return the label file that shares most folders with a scan, or an empty text."""

    def shared(mask: _File) -> int:
        return len(os.path.commonpath([mask.path, file.path]))

    return str(max(masks, key=shared).path) if masks else ""


def _local_scan(row: PublicScan, file: _File, labels: str) -> Scan:
    """Return a row with its local files; the table has digests only of the subject-based ones."""
    published = file.published and file.path.name.endswith(".gz")
    scan = _to_scan(row if published else row.model_copy(update={"url": "", "labels_url": ""}))
    return scan.model_copy(update={"files": (str(file.path),), "labels": labels})


def _warn(folder: Path, sentence: str, names: Sequence[str]) -> None:
    if names:
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        LOG.warning("%s: %s: %s", folder, sentence.format(len(names)), shown)


def _to_scan(row: PublicScan) -> Scan:
    labels = _remote("labels", row.labels_url, row.labels_bytes, row.labels_sha256)
    return Scan(
        scan_id=row.scan_id,
        patient_id=row.patient_id,
        physical_id=row.physical_id,
        source=row.release,
        remotes=_remote("ct", row.url, row.bytes, row.sha256),
        licence=row.licence,
        labels_remote=labels[0] if labels else None,
    )


def _remote(stem: str, url: str, length: int, sha256: str) -> tuple[Remote, ...]:
    """Return where a file comes from, or nothing where the table does not say."""
    name = f"{stem}.nii.gz"
    return (Remote(name=name, url=url, bytes=length, sha256=sha256),) if url else ()


def read(scan: Scan, seed: int) -> Volume:  # noqa: ARG001 - the interface of all sources
    """Read a scan into the canonical orientation, if it is the published one."""
    for file, remote in zip(scan.files, scan.remotes, strict=False):
        check_published(file, remote)
    return canonical(read_scan([Path(scan.files[0])]))
