"""Every fault of a server ends in the right file or in a clear reason."""

import multiprocessing
import time
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from srnet.acquire.acquire import acquire
from srnet.acquire.download import Client, Policy
from srnet.acquire.scan import Remote, Scan
from srnet.core.errors import ScanRejected, SrnetError
from srnet.core.rejection import record_rejection

CONTENT = bytes(range(256)) * 4000
PATH = "/files/ct.nii.gz"


@pytest.fixture
def remote(site):
    site.files[PATH] = CONTENT
    return Remote(
        name="ct.nii.gz",
        url=site.address + PATH,
        bytes=len(CONTENT),
        sha256=site.digest(PATH),
    )


def arrived(target):
    return target.read_bytes() == CONTENT and not target.with_name("ct.nii.gz.part").exists()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "scan" / "ct.nii.gz"


def test_a_good_server_is_asked_once(site, remote, client, target):
    client.fetch(remote, target)
    assert arrived(target)
    assert site.asked[PATH] == 1
    assert client.pauses == []


def test_429_waits_as_long_as_the_server_asks(site, remote, client, target):
    site.faults[PATH] = [429, 503]
    client.fetch(remote, target)
    assert arrived(target)
    assert client.pauses == [7.0, 7.0]


def test_however_long_the_server_asks_for_is_slept(site, remote, client, target, caplog):
    """OSF answers 100 questions an hour: whoever comes back sooner only uses up the tries."""
    site.retry_after = "3600"
    site.faults[PATH] = [429, 429]
    client.fetch(remote, target)
    assert arrived(target)
    assert client.pauses == [3600.0, 3600.0]
    told = [line.getMessage() for line in caplog.records if line.levelname == "WARNING"]
    assert told == [f"{remote.url}: the server answered 429; next try in 3600 s"] * 2


def test_pauses_of_our_own_are_limited(site, remote, target):
    pauses: list[float] = []
    patient = Client(Policy(attempts=12, longest_pause_s=300), sleep=pauses.append)
    site.retry_after = None
    site.faults[PATH] = [503] * 10
    patient.fetch(remote, target)
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_retry_after_may_be_a_date(site, remote, client, target):
    later = datetime.now(UTC) + timedelta(seconds=90)
    site.retry_after = format_datetime(later, usegmt=True)
    site.faults[PATH] = [429]
    client.fetch(remote, target)
    assert 60 < client.pauses[0] <= 90


def test_without_retry_after_pauses_double(site, remote, client, target):
    site.retry_after = None
    site.faults[PATH] = [500, 502]
    client.fetch(remote, target)
    assert client.pauses == [2.0, 4.0]


def test_a_cut_connection_is_resumed_where_it_broke(site, remote, client, target):
    site.faults[PATH] = ["cut", "cut"]
    client.fetch(remote, target)
    assert arrived(target)
    half = len(CONTENT) // 2
    assert site.ranges == [None, f"bytes={half}-", f"bytes={half + half // 2}-"]
    assert site.sent == len(CONTENT)


def test_more_cuts_than_attempts_do_not_matter_while_there_is_progress(
    site, remote, client, target
):
    site.faults[PATH] = ["cut"] * 8
    client.fetch(remote, target)
    assert arrived(target)


def test_a_server_that_cannot_resume_starts_over(site, remote, client, target):
    site.faults[PATH] = ["cut", "no-range"]
    client.fetch(remote, target)
    assert arrived(target)


def test_leftovers_longer_than_the_file_are_thrown_away(site, remote, client, target):
    target.parent.mkdir()
    target.with_name("ct.nii.gz.part").write_bytes(CONTENT + b"more")
    client.fetch(remote, target)
    assert arrived(target)


def test_leftovers_of_an_unknown_length_survive_status_416(site, remote, client, target):
    target.parent.mkdir()
    target.with_name("ct.nii.gz.part").write_bytes(CONTENT)
    client.fetch(remote.model_copy(update={"bytes": 0}), target)
    assert arrived(target)


def test_wrong_bytes_once_are_fetched_again(site, remote, client, target):
    site.faults[PATH] = ["wrong"]
    client.fetch(remote, target)
    assert arrived(target)
    assert site.asked[PATH] == 2


def test_wrong_bytes_twice_reject_this_scan(site, remote, client, target):
    site.faults[PATH] = ["wrong", "wrong"]
    with pytest.raises(ScanRejected, match=r"has the SHA-256 [0-9a-f]{16}\.\.\. instead of"):
        client.fetch(remote, target)
    assert not target.exists()


def test_a_wrong_hash_in_the_table_rejects_this_scan(site, remote, client, target):
    with pytest.raises(ScanRejected, match=r"run `srnet scans refresh`, delete the local file"):
        client.fetch(remote.model_copy(update={"sha256": "0" * 64}), target)
    assert not target.exists()


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_missing_file_rejects_this_scan_at_once(site, remote, client, target, status):
    site.faults[PATH] = [status]
    with pytest.raises(ScanRejected, match=rf"does not give this file \(status {status}\)"):
        client.fetch(remote, target)
    assert site.asked[PATH] == 1


def test_an_endlessly_busy_server_is_no_fault_of_the_scan(site, remote, client, target):
    site.faults[PATH] = [429] * 50
    with pytest.raises(SrnetError, match=r"gave up after 3 tries in a row \(.*429\)") as failure:
        client.fetch(remote, target)
    assert not isinstance(failure.value, ScanRejected)


def test_no_server_at_all_is_no_fault_of_the_scan(client, target):
    remote = Remote(name="ct.nii.gz", url="http://127.0.0.1:9/ct.nii.gz")
    with pytest.raises(SrnetError, match="gave up after 3 tries") as failure:
        client.fetch(remote, target)
    assert not isinstance(failure.value, ScanRejected)


def test_a_full_disk_is_told_before_anything_is_fetched(site, remote, client, target, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(9, 9, 1000))
    with pytest.raises(SrnetError, match=r"MB are needed for ct\.nii\.gz and 0 MB are free"):
        client.fetch(remote, target)
    assert site.asked[PATH] == 0


def _fetch(remote, target):
    Client().fetch(remote, target)


def test_a_killed_download_resumes(site, remote, client, target):
    site.faults[PATH] = ["slow"]
    process = multiprocessing.get_context("spawn").Process(target=_fetch, args=(remote, target))
    process.start()
    part = target.with_name("ct.nii.gz.part")
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.join()
    left = part.stat().st_size
    assert 0 < left < len(CONTENT)
    client.fetch(remote, target)
    assert arrived(target)
    assert site.ranges[-1] == f"bytes={left}-"


def test_a_rejected_download_rejects_its_scan_and_no_other(site, remote, client, target, tiny_ct):
    site.faults[PATH] = [404]
    with record_rejection([target], stage="download"):
        client.fetch(remote, target)
    scan = Scan(scan_id="a", patient_id="a", source="folder", files=(str(target),))
    with pytest.raises(ScanRejected, match=r"^stage download: .*status 404"):
        acquire(scan, seed=1)


class Recorded(BaseAdapter):
    """Stands for the internet: notes each request, and redirects where it is told to."""

    def __init__(self, redirects):
        super().__init__()
        self.redirects, self.seen = redirects, []

    def send(self, request, *_, **__):
        self.seen.append((request.url, request.headers.get("Authorization")))
        answer = requests.Response()
        answer.request, answer.url, answer.raw = request, request.url, HTTPResponse(b"{}")
        answer.status_code, answer._content = 200, b"{}"
        if request.url in self.redirects:
            answer.status_code = 302
            answer.headers["Location"] = self.redirects[request.url]
        return answer

    def close(self):
        """Hold nothing."""


TOKEN = "a-secret-token"
API, STORAGE = "https://api.osf.io/v2/nodes/", "https://storage.example/file"


def signing(redirects=()):
    client = Client(sleep=lambda _: None, token=TOKEN, token_host="api.osf.io")
    internet = Recorded(dict(redirects))
    for scheme in ("https://", "http://"):
        client._session.mount(scheme, internet)
    return client, internet


def test_a_token_goes_with_questions_to_the_api():
    client, internet = signing()
    client.get_json(API)
    assert internet.seen == [(API, f"Bearer {TOKEN}")]


@pytest.mark.parametrize(
    "url",
    [
        "http://api.osf.io/v2/nodes/",
        STORAGE,
        "https://api.osf.io.example/v2/",
        "https://api.osf.io@evil.example/",
        "https://api.osf.io:8443/v2/",
    ],
)
def test_a_token_goes_nowhere_else(url):
    client, internet = signing()
    client.get_json(url)
    assert [token for _, token in internet.seen] == [None]


@pytest.mark.parametrize("url", [STORAGE, "http://api.osf.io/v2/nodes/"])
def test_a_token_does_not_follow_where_the_api_redirects(url):
    client, internet = signing({API: url})
    client.get_json(API)
    assert internet.seen == [(API, f"Bearer {TOKEN}"), (url, None)]


def test_a_download_carries_no_token(tmp_path):
    client, internet = signing({API: STORAGE})
    with pytest.raises(ScanRejected, match="is empty"):
        client.fetch(Remote(name="a.nii.gz", url=API), tmp_path / "a.nii.gz")
    assert {token for _, token in internet.seen} == {None}
    assert TOKEN not in repr(client)


def test_a_refused_token_is_told(site, client):
    site.faults["/"] = [401]
    with pytest.raises(SrnetError, match="refuses the token; renew it, or unset it"):
        client.get_json(f"{site.address}/")


def test_a_token_is_never_logged(caplog):
    caplog.set_level("DEBUG")
    client, _ = signing()
    client.get_json(API)
    assert TOKEN not in caplog.text
