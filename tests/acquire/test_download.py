"""Every fault of a server ends in the right file or in a clear reason."""

import multiprocessing
import time
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from srnet.acquire.acquire import acquire
from srnet.acquire.download import Client
from srnet.acquire.remote import Remote
from srnet.acquire.scans import Scan
from srnet.errors import ScanRejected, SrnetError
from srnet.rejection import bury

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
    with bury([target], stage="download"):
        client.fetch(remote, target)
    scan = Scan(scan_id="a", patient_id="a", source="folder", files=(str(target),))
    with pytest.raises(ScanRejected, match=r"^stage download: .*status 404"):
        acquire(scan, seed=1)
