"""Small CT scans for the tests of acquisition."""

import pytest
from loopback import serve  # type: ignore[import-not-found]

from srnet.acquire.download import Client, Policy


@pytest.fixture
def site():
    """A loopback server that misbehaves on request (`loopback.Site`)."""
    yield from serve()


class NotingClient(Client):
    """Never waits, but notes how long it would."""

    def __init__(self):
        self.pauses: list[float] = []
        super().__init__(policy=Policy(attempts=3, timeout_s=5), sleep=self.pauses.append)


@pytest.fixture
def client():
    """A download client that notes in `client.pauses` how long it would wait."""
    return NotingClient()
