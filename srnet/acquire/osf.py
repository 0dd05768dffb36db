"""The Open Science Framework's file API: every file of a node, with its digest.

`srnet scans refresh`: fill the table of public scans from the publisher's own listing.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from srnet.acquire.download import Client
from srnet.acquire.verse import GL_LICENCE, PublicScan
from srnet.core.errors import SrnetError

API = "https://api.osf.io/v2"
TOKEN = "OSF_TOKEN"  # noqa: S105 - the name of a variable, not a token
"""Environment variable of a personal access token: 10 000 questions a day, not 100 an hour."""

_PAGE = 100


@dataclass(frozen=True)
class OsfFile:
    """One file as the API describes it."""

    file_id: str
    name: str
    url: str
    bytes: int
    sha256: str


def osf_client() -> Client:
    """Return a client that shows the user's token, if there is one, to OSF's own API alone."""
    token = os.environ.get(TOKEN, "").strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SrnetError(
            f"{TOKEN}: is set to what is no token; copy it again from osf.io/settings/tokens, "
            "or unset it"
        )
    return Client(token=token, token_host=urlsplit(API).netloc)


def walk(client: Client, node: str, api: str = API) -> Iterator[OsfFile]:
    """Yield every file stored under an OSF node, folders followed, pages turned.

    Raises
    ------
    SrnetError
        If the API cannot be reached or answers in another form.
    """
    waiting = [f"{api}/nodes/{node}/files/osfstorage/?page[size]={_PAGE}"]
    while waiting:
        url = waiting.pop()
        answer = client.question(url)
        try:
            files, links = _read_page(answer)
        except (KeyError, TypeError) as missing:
            raise SrnetError(
                f"{url}: the answer lacks {missing}; the API has changed, or this is not OSF"
            ) from None
        waiting.extend(links)
        yield from files


def _read_page(answer: dict[str, Any]) -> tuple[list[OsfFile], list[str]]:
    """Return the files of one answer, and the addresses of its folders and next page."""
    items = answer["data"]
    folders = [item for item in items if item["attributes"]["kind"] == "folder"]
    links = [item["relationships"]["files"]["links"]["related"]["href"] for item in folders]
    following = answer.get("links", {}).get("next")
    files = [_to_file(item) for item in items if item not in folders]
    return files, [*links, following] if following else links


def _to_file(item: dict[str, Any]) -> OsfFile:
    attributes = item["attributes"]
    return OsfFile(
        file_id=str(item["id"]),
        name=str(attributes["name"]),
        url=str(item["links"]["download"]),
        bytes=int(attributes["size"] or 0),
        sha256=str(attributes["extra"]["hashes"]["sha256"] or ""),
    )


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
            "check the node in srnet/acquire/osf.py against the publisher's page"
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
