"""The Open Science Framework's file API: every file of a node, with its digest."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from srnet.acquire.download import Client
from srnet.errors import SrnetError

__all__ = ["API", "TOKEN", "OsfFile", "osf_client", "walk"]

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
