"""Fill the table of public scans from the file API of the Open Science Framework (OSF).

`srnet scans refresh` lists every file of the node of a release, with its digest, and writes
addresses, lengths and digests into the table.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from srnet.acquire.download import Client
from srnet.acquire.verse import CT, GL_LICENCE, LABELS, SUBJECT_BASED, PublicScan
from srnet.core.errors import SrnetError

API = "https://api.osf.io/v2"
TOKEN = "OSF_TOKEN"  # noqa: S105 - the name of a variable, not a token
"""Environment variable of a personal access token: 10 000 requests a day, not 100 an hour."""

NODES = {"verse19": "jtfa5", "verse20": "4skx2"}
"""OSF nodes of the subject-based releases."""

LICENCE = "CC-BY-SA-4.0"

_PAGE = 100
_GONE = "not on the server"


@dataclass(frozen=True)
class OsfFile:
    """One file as the API describes it."""

    file_id: str
    name: str
    url: str
    bytes: int
    sha256: str


def osf_client() -> Client:
    """Return a client that sends the user's token, if there is one, only to OSF's own API."""
    token = os.environ.get(TOKEN, "").strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SrnetError(
            f"{TOKEN}: its value is not a token; copy it again from osf.io/settings/tokens, "
            "or unset it"
        )
    return Client(token=token, token_host=urlsplit(API).netloc)


def refresh(
    rows: Sequence[PublicScan], client: Client, release: str, api: str = API
) -> list[PublicScan]:
    """Return the table with the addresses, lengths and digests of one release filled in.

    Scans that the server has and the table lacks are added. Scans that the server lacks keep
    their row, which is excluded with the reason.

    Raises
    ------
    SrnetError
        If the API cannot be reached, answers in another form, or lists no scan.
    """
    files = {file.name: file for file in list_files(client, NODES[release], api)}
    if not _cts(files):
        raise SrnetError(
            f"{api}: node {NODES[release]} of {release} lists no sub-*_ct.nii.gz; "
            "check the node in srnet/acquire/osf.py against the publisher's page"
        )
    served = {row.scan_id: row for row in _rows(release, files)}
    kept = [
        _merge(row, served.pop(row.scan_id, None)) if row.release == release else row
        for row in rows
    ]
    return [*kept, *served.values()]


def list_files(client: Client, node: str, api: str = API) -> Iterator[OsfFile]:
    """Yield every file stored under an OSF node, in all folders and on all pages."""
    waiting = [f"{api}/nodes/{node}/files/osfstorage/?page[size]={_PAGE}"]
    while waiting:
        url = waiting.pop()
        answer = client.get_json(url)
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
    files, links = [], []
    for item in answer["data"]:
        if item["attributes"]["kind"] == "folder":
            links.append(item["relationships"]["files"]["links"]["related"]["href"])
        else:
            files.append(_to_file(item))
    following = answer.get("links", {}).get("next")
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


def _merge(row: PublicScan, served: PublicScan | None) -> PublicScan:
    """Return a row as the server has it; what a person excluded stays excluded."""
    if served is None:
        gone = {"url": "", "osf_file_id": "", "include": "no", "reason": _GONE}
        return row.model_copy(update=gone)
    excluded = row.include == "no" and row.reason != _GONE
    return served.model_copy(update={"include": "no", "reason": row.reason} if excluded else {})


def _cts(names: Iterable[str]) -> list[re.Match[str]]:
    """Return the parts of those names that are a CT's, sorted."""
    matches = (SUBJECT_BASED.match(name) for name in sorted(names))
    return [match for match in matches if match and match["kind"] == CT]


def _rows(release: str, files: Mapping[str, OsfFile]) -> list[PublicScan]:
    """Return a row for every CT among the files of a release, with its labels if there are any."""
    matches = _cts(files)
    times = Counter(match["split"] or match["subject"] for match in matches)
    rows = []
    for match in matches:
        subject = match["subject"]
        scan = match["split"] or subject
        if times[scan] > 1:
            scan = f"{scan}-{match['dir']}"
        file, mask = files[match[0]], files.get(match[0].replace(f"_{CT}.", f"_{LABELS}."))
        row = {
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
        if mask:
            row |= {
                "labels_url": mask.url,
                "labels_bytes": mask.bytes,
                "labels_sha256": mask.sha256,
            }
        rows.append(PublicScan.parse(row))
    return rows
