"""Downloads that resume, retry, and end in a correct file or in an error with the reason.

A file is downloaded to `NAME.part` beside its target, so that a killed transfer resumes where it
stopped. It is renamed to the target only when its length and SHA-256 are the expected ones.
"""

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
"""Pauses of this length and longer are logged as warnings, which a terminal shows."""


class _Busy(Exception):
    """The server asks for a later try; holds the seconds that it named, or None."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"the server answered {response.status_code}")
        self.pause_s = _read_pause(response.headers.get("Retry-After", ""))


def _read_pause(retry_after: str) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or a date."""
    if retry_after.isdigit():
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


@dataclass
class Client:
    """An HTTP client that retries, resumes and verifies.

    Attributes
    ----------
    sleep
        Function that waits some seconds; tests replace it.
    token, token_host
        A token, and the only host that it is sent to, with requests for JSON over HTTPS; never
        with a download or to an address that the host redirects to.
    attempts
        Tries in a row without progress after which the client gives up.
    timeout_s
        Longest time without an answer from the server.
    pause_s, longest_pause_s
        First pause after a failure, doubled each time, and its limit. A pause that the server
        asks for is kept in full, however long: OSF limits the number of requests an hour.
    throttle_s
        Shortest time between two requests for JSON.
    """

    sleep: Callable[[float], None] = time.sleep
    token: str = field(default="", repr=False)
    token_host: str = ""
    attempts: int = 6
    timeout_s: float = 60.0
    pause_s: float = 2.0
    longest_pause_s: float = 300.0
    throttle_s: float = 0.8
    _session: requests.Session = field(default_factory=requests.Session, repr=False)
    _last_request: float = 0.0

    def fetch(self, remote: Remote, target: str | Path) -> None:
        """Download `remote` to `target`, resuming what an earlier try left.

        Raises
        ------
        ScanRejected
            If the server does not have the file, or twice sent wrong content.
        SrnetError
            If the server cannot be reached, or the disk is too small, which says nothing about
            the scan: a later try may succeed.
        """
        target = Path(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        _check_room(remote, part)
        fault = ""
        # The rest of an earlier try may be of another version, so that a second try is made.
        for _ in range(2):
            self._retry(lambda: self._transfer(remote, part), remote.url, part)
            fault = remote.fault(part)
            if not fault:
                part.replace(target)
                return
            LOG.warning("%s: %s; starting over", remote.url, fault)
            part.unlink(missing_ok=True)
        raise ScanRejected(
            f"{remote.url}: {fault}; the file was replaced or is damaged on the server, so run "
            "`srnet scans refresh`, delete the local file and try again"
        )

    def get_json(self, url: str) -> dict[str, Any]:
        """Return the JSON object that an API answers, at most one every `throttle_s`.

        Raises
        ------
        SrnetError
            If there is no answer, or it is not a JSON object.
        """
        self.sleep(max(0.0, self._last_request + self.throttle_s - time.monotonic()))

        def ask() -> Any:
            with self._session.get(url, timeout=self.timeout_s, auth=self._sign) as response:
                _check_status(response, url)
                return response.json()

        answer = self._retry(ask, url)
        self._last_request = time.monotonic()
        if not isinstance(answer, dict):
            raise SrnetError(
                f"{url}: the answer is not a JSON object; is this the address of the API?"
            )
        return answer

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to a request to its host over HTTPS."""
        parts = urlsplit(request.url or "")
        if self.token and parts.scheme == "https" and parts.netloc == self.token_host:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def _retry(self, action: Callable[[], Any], url: str, part: Path | None = None) -> Any:
        """Repeat `action` until it succeeds; only tries that do not lengthen `part` count."""
        failures, size = 0, _size(part)
        while True:
            try:
                return action()
            except (_Busy, requests.RequestException, HTTPError, ConnectionError) as failure:
                failures = 1 if _size(part) > size else failures + 1
                size, reason = _size(part), failure
            if failures >= self.attempts:
                raise SrnetError(
                    f"{url}: gave up after {failures} tries in a row ({reason}); check the "
                    "network and run the same command again, which resumes the download"
                ) from None
            asked = reason.pause_s if isinstance(reason, _Busy) else None
            doubled = min(self.pause_s * 2 ** (failures - 1), self.longest_pause_s)
            pause = doubled if asked is None else asked
            level = logging.WARNING if pause >= _LONG_S else logging.INFO
            LOG.log(level, "%s: %s; next try in %.0f s", url, reason, pause)
            self.sleep(pause)

    def _transfer(self, remote: Remote, part: Path) -> None:
        """Download the rest of a file to the end of `part`."""
        have = _size(part)
        if remote.bytes and have >= remote.bytes:
            return
        # With compression in transit, lengths and ranges would be those of other bytes.
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with self._session.get(
            remote.url, headers=headers, stream=True, timeout=self.timeout_s
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
                # `read1` returns what has arrived; `read` would lose it if the connection ends.
                while block := response.raw.read1(_BLOCK):
                    handle.write(block)
            length = int(response.headers.get("Content-Length", 0)) + (have if resumed else 0)
        if _size(part) < max(length, remote.bytes):
            raise ConnectionError(f"it ended after {_size(part)} of {length} bytes")


def _check_status(response: requests.Response, url: str) -> None:
    status = response.status_code
    if status in _BUSY:
        raise _Busy(response)
    if status == 401:
        raise SrnetError(f"{url}: the server refuses the token; renew it, or unset it")
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
