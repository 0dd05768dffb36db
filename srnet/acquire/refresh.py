"""`srnet scans refresh`: fill the table of public scans from the publisher's own listing."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from srnet.acquire.download import Client
from srnet.acquire.osf import API, OsfFile, walk
from srnet.acquire.table import PublicScan
from srnet.acquire.verse import GL_LICENCE
from srnet.errors import SrnetError

__all__ = ["NODES", "refresh"]

NODES = {"verse19": "jtfa5", "verse20": "4skx2"}
"""OSF nodes of the subject-based releases."""

LICENCE = "CC-BY-SA-4.0"

CT, LABELS = "_ct.nii.gz", "_seg-vert_msk.nii.gz"
"""How the names of a scan and of its vertebra labels end."""

_NAME = re.compile(
    r"^sub-(?P<subject>[a-z]+\d+)(?:_split-(?P<split>[a-z]+\d+))?(?:_dir-(?P<dir>\w+))?_ct\.nii\.gz$"
)


def refresh(
    rows: Sequence[PublicScan], client: Client, release: str, api: str = API
) -> list[PublicScan]:
    """Return the table with the addresses, lengths and digests of one release filled in.

    Scans that the server has and the table lacks are added; scans that the
    server lacks keep their row, excluded, with the reason.
    """
    files = {f.name: f for f in walk(client, NODES[release], api)}
    if not any(map(_NAME.match, files)):
        raise SrnetError(
            f"{api}: node {NODES[release]} of {release} lists no sub-*_ct.nii.gz; "
            "check the node in srnet/acquire/refresh.py against the publisher's page"
        )
    served = {row.scan_id: row for row in _rows(release, files)}
    kept = [_merge(row, served.pop(row.scan_id, None), release) for row in rows]
    return [*kept, *served.values()]


def _merge(row: PublicScan, served: PublicScan | None, release: str) -> PublicScan:
    if row.release != release:
        return row
    if served is None:
        gone = {"url": "", "osf_file_id": "", "include": "no", "reason": "not on the server"}
        return row.model_copy(update=gone)
    hand = row.include == "no" and row.reason != "not on the server"
    return served.model_copy(update={"include": "no", "reason": row.reason}) if hand else served


def _rows(release: str, files: Mapping[str, OsfFile]) -> list[PublicScan]:
    matches = [(_NAME.match(name), name) for name in sorted(files)]
    parts = [(m["subject"], m["split"] or m["subject"], m["dir"], n) for m, n in matches if m]
    times = Counter(scan for _, scan, _, _ in parts)
    rows = [
        _row(release, subject, scan if times[scan] == 1 else f"{scan}-{plane}", files[name])
        for subject, scan, plane, name in parts
    ]
    masks = [files.get(name.replace(CT, LABELS)) for *_, name in parts]
    return [_labelled(row, mask) if mask else row for row, mask in zip(rows, masks, strict=True)]


def _labelled(row: PublicScan, mask: OsfFile) -> PublicScan:
    labels = {
        "labels_url": mask.url,
        "labels_bytes": mask.bytes,
        "labels_sha256": mask.sha256,
    }
    return row.model_copy(update=labels)


def _row(release: str, subject: str, scan: str, file: OsfFile) -> PublicScan:
    return PublicScan.parse(
        {
            "scan_id": f"{release}-{scan}",
            "patient_id": subject,
            "physical_id": scan,
            "release": release,
            "osf_file_id": file.file_id,
            "url": file.url,
            "bytes": file.bytes,
            "sha256": file.sha256,
            "licence": GL_LICENCE if subject.startswith("gl") else LICENCE,
        }
    )
