"""The Open Science Framework's file API: every file of a node, with its digest."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from srnet.acquire.download import Client
from srnet.errors import SrnetError

__all__ = ["API", "OsfFile", "walk"]

API = "https://api.osf.io/v2"
_PAGE = 100


@dataclass(frozen=True)
class OsfFile:
    """One file as the API describes it."""

    file_id: str
    name: str
    url: str
    bytes: int
    sha256: str


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
            for item in answer["data"]:
                if item["attributes"]["kind"] == "folder":
                    waiting.append(item["relationships"]["files"]["links"]["related"]["href"])
                else:
                    yield _to_file(item)
            following = answer.get("links", {}).get("next")
        except (KeyError, TypeError) as missing:
            raise SrnetError(
                f"{url}: the answer lacks {missing}; the API has changed, or this is not OSF"
            ) from None
        if following:
            waiting.append(following)


def _to_file(item: dict[str, Any]) -> OsfFile:
    attributes = item["attributes"]
    return OsfFile(
        file_id=str(item["id"]),
        name=str(attributes["name"]),
        url=str(item["links"]["download"]),
        bytes=int(attributes["size"] or 0),
        sha256=str(attributes["extra"]["hashes"]["sha256"]),
    )
