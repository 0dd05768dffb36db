"""Small CT scans for the tests of acquisition."""

import pytest
from loopback import serve  # type: ignore[import-not-found]

from srnet.acquire.download import Client


@pytest.fixture
def site():
    """Yield a server on this machine that fails on request (`loopback.Site`)."""
    yield from serve()


class NotingClient(Client):
    """Does not wait, but records how long it would."""

    def __init__(self):
        self.pauses: list[float] = []
        super().__init__(attempts=3, timeout_s=5, sleep=self.pauses.append)


@pytest.fixture
def client():
    """Return a download client that records in `client.pauses` how long it would wait."""
    return NotingClient()
