"""Downloads that end in a correct file or in a clear reason.

A transfer goes into `NAME.part` beside its target, so that a killed one
resumes where it stopped; it takes the target's name only when its length and
SHA-256 are the promised ones.
"""

import hashlib
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from srnet.acquire.scan import Remote
from srnet.core.errors import ScanRejected, SrnetError

LOG = logging.getLogger(__name__)

_GONE = (401, 403, 404, 410)
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_BLOCK = 1 << 18
_SPARE_BYTES = 100_000_000
_LONG_S = 60.0
"""Whoever waits at a terminal is told of pauses from here on."""


@dataclass(frozen=True)
class Policy:
    """How patient a client is.

    Attributes
    ----------
    attempts
        Tries in a row that bring nothing new, before it gives up.
    timeout_s
        Longest silence of the server.
    pause_s, longest_pause_s
        First pause after a failure, doubled each time, and its limit. Where the
        server names a pause of its own, that is kept to in full: OSF answers so
        many questions an hour, and a shorter pause would only use up the tries.
    throttle_s
        Shortest time between two questions to an API.
    """

    attempts: int = 6
    timeout_s: float = 60.0
    pause_s: float = 2.0
    longest_pause_s: float = 300.0
    throttle_s: float = 0.8


class _Busy(Exception):
    """The server asks to come back later; holds the seconds it named, or None."""

    def __init__(self, status: int, retry_after: str | None) -> None:
        super().__init__(f"the server answered {status}")
        self.pause_s = _pause(retry_after or "")


def _pause(retry_after: str) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number or a date."""
    if retry_after.isdigit():
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


@dataclass
class Client:
    """An HTTP client that waits, resumes and verifies.

    Attributes
    ----------
    policy
        Patience.
    sleep
        How to wait; tests count instead.
    token
        Sent with the questions to `token_host`, never with a download, never
        unencrypted, and not to where an answer redirects.
    token_host
        The one host that may see the token.
    """

    policy: Policy = field(default_factory=Policy)
    sleep: Callable[[float], None] = time.sleep
    token: str = field(default="", repr=False)
    token_host: str = ""
    _session: requests.Session = field(default_factory=requests.Session, repr=False)
    _last_question: float = 0.0

    def fetch(self, remote: Remote, target: str | Path) -> None:
        """Download `remote` to `target`, resuming what an earlier try left.

        Raises
        ------
        ScanRejected
            If the server does not have the file, or twice gave wrong content.
        SrnetError
            If the server stays out of reach, or the disk is too small: nothing
            is wrong with the scan, so that a later try may succeed.
        """
        target = Path(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        _check_room(remote, part)
        fault: str | None = ""
        # What an earlier try left may be another version: a second, fresh try decides.
        for _ in range(2):
            self._patiently(lambda: self._transfer(remote, part), remote.url, part)
            fault = _fault(remote, part)
            if fault is None:
                part.replace(target)
                return
            LOG.warning("%s: %s; starting over", remote.url, fault)
            part.unlink(missing_ok=True)
        raise ScanRejected(
            f"{remote.url}: {fault}; the file was replaced or is damaged on the server, so run "
            "`srnet scans refresh`, delete the local file and try again"
        )

    def question(self, url: str) -> dict[str, Any]:
        """Return the JSON object that an API answers, throttled.

        Raises
        ------
        SrnetError
            If there is no answer, or it is no JSON object.
        """
        self.sleep(max(0.0, self._last_question + self.policy.throttle_s - time.monotonic()))
        answers: list[Any] = []

        def ask() -> None:
            with self._session.get(
                url, timeout=self.policy.timeout_s, auth=self._sign
            ) as response:
                _check_status(response, url)
                answers.append(response.json())

        self._patiently(ask, url)
        self._last_question = time.monotonic()
        if not isinstance(answers[0], dict):
            raise SrnetError(f"{url}: answered no JSON object; is this the address of the API?")
        return answers[0]

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to a question, if it goes where the token may go."""
        parts = urlsplit(request.url or "")
        if self.token and parts.scheme == "https" and parts.netloc == self.token_host:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def _patiently(self, action: Callable[[], None], url: str, part: Path | None = None) -> None:
        """Repeat `action` until it succeeds; only tries without progress count."""
        failures, size = 0, _size(part)
        while True:
            try:
                return action()
            except (_Busy, requests.RequestException, HTTPError, ConnectionError) as failure:
                failures = 1 if _size(part) > size else failures + 1
                size, reason = _size(part), failure
            if failures >= self.policy.attempts:
                raise SrnetError(
                    f"{url}: gave up after {failures} tries in a row ({reason}); check the "
                    "network and run the same command again, which resumes the download"
                ) from None
            asked = reason.pause_s if isinstance(reason, _Busy) else None
            doubled = min(self.policy.pause_s * 2 ** (failures - 1), self.policy.longest_pause_s)
            pause = doubled if asked is None else asked
            level = logging.WARNING if pause >= _LONG_S else logging.INFO
            LOG.log(level, "%s: %s; next try in %.0f s", url, reason, pause)
            self.sleep(pause)

    def _transfer(self, remote: Remote, part: Path) -> None:
        """Bring `part` to its full length, from where it ends."""
        have = _size(part)
        if remote.bytes and have >= remote.bytes:
            return
        # Compression on the way would make lengths and ranges meaningless.
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with self._session.get(
            remote.url, headers=headers, stream=True, timeout=self.policy.timeout_s
        ) as response:
            if response.status_code == 416:
                part.unlink()
                raise ConnectionError("the server refuses to resume")
            if response.status_code in _GONE:
                raise ScanRejected(
                    f"{remote.url}: the server does not give this file (status "
                    f"{response.status_code}); run `srnet scans refresh`, or exclude the scan"
                )
            _check_status(response, remote.url)
            resumed = have and response.headers.get("Content-Range", "").startswith(
                f"bytes {have}-"
            )
            with part.open("ab" if resumed else "wb") as handle:
                # Blocks as they come: waiting for full ones would lose the last before a cut.
                while block := response.raw.read1(_BLOCK):
                    handle.write(block)
            length = int(response.headers.get("Content-Length", 0)) + (have if resumed else 0)
        if _size(part) < max(length, remote.bytes):
            raise ConnectionError(f"it ended after {_size(part)} of {length} bytes")


def _check_status(response: requests.Response, url: str) -> None:
    status = response.status_code
    if status in _BUSY:
        raise _Busy(status, response.headers.get("Retry-After"))
    if status == 401:
        raise SrnetError(f"{url}: the server refuses the token; renew it, or do without one")
    if status >= 400:
        raise SrnetError(f"{url}: the server answered {status}; check the address")


def _check_room(remote: Remote, part: Path) -> None:
    needed = remote.bytes - _size(part) + _SPARE_BYTES
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise SrnetError(
            f"{part.parent}: {needed / 1e6:.0f} MB are needed for {remote.name} and "
            f"{free / 1e6:.0f} MB are free; make room, or set cohort.downloads to another disk"
        )


def _size(path: Path | None) -> int:
    return path.stat().st_size if path is not None and path.exists() else 0


def _fault(remote: Remote, part: Path) -> str | None:
    """Say what is wrong with a complete download, or return None."""
    size = _size(part)
    if remote.bytes and size != remote.bytes:
        return f"has {size} bytes instead of {remote.bytes}"
    if size == 0:
        return "is empty"
    if not remote.sha256:
        return None
    with part.open("rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    if found != remote.sha256:
        return f"has the SHA-256 {found[:16]}... instead of {remote.sha256[:16]}..."
    return None
