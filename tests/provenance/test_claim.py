"""One run at a time, and clean recovery from one that was killed."""

import errno
import logging
import os
import signal
import subprocess
import sys
import time

import pytest

from srnet.core.errors import SrnetError
from srnet.provenance import claim as module
from srnet.provenance.claim import RUN_VARIABLE, at_work, claim

HOLD = """
import sys, time
from srnet.provenance.claim import at_work, claim
if sys.argv[1] == "run":
    claim(sys.argv[2], "first")
    print("held", flush=True)
    time.sleep(60)
with at_work(sys.argv[2]):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""


@pytest.fixture(autouse=True)
def _forget_the_run(monkeypatch):
    monkeypatch.delenv(RUN_VARIABLE, raising=False)
    yield
    for handle in module._held:
        handle.close()
    module._held.clear()
    os.environ.pop(RUN_VARIABLE, None)


@pytest.fixture
def holder():
    """Start processes that hold a folder; end those that are left."""
    started = []

    def start(kind: str, folder, seconds: float = 60) -> subprocess.Popen:
        command = [sys.executable, "-c", HOLD, kind, str(folder), str(seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_second_run_is_refused_with_a_sentence(tmp_path, holder):
    first = holder("run", tmp_path)
    with pytest.raises(SrnetError, match=rf"another run is at work.*process {first.pid} on"):
        claim(tmp_path, "second")


def test_a_killed_run_leaves_no_lock(tmp_path, holder):
    first = holder("run", tmp_path)
    first.send_signal(signal.SIGKILL)
    first.wait()
    claim(tmp_path, "second")


def test_a_run_waits_for_jobs_that_outlived_the_one_before(tmp_path, holder):
    job = holder("job", tmp_path, 1.5)
    began = time.monotonic()
    claim(tmp_path, "second")
    assert job.poll() is not None or time.monotonic() - began > 0.5


def test_jobs_work_side_by_side(tmp_path, holder):
    holder("job", tmp_path)
    with at_work(tmp_path):
        pass


def test_a_job_of_a_replaced_run_refuses_to_work(tmp_path, monkeypatch):
    claim(tmp_path, "second")
    monkeypatch.setenv(RUN_VARIABLE, "first")
    with pytest.raises(SrnetError, match="run second has replaced"), at_work(tmp_path):
        pass


def test_half_written_files_are_removed(tmp_path):
    partial = tmp_path / "drr" / ".0a1b2c3d.partial.ap.png"
    partial.parent.mkdir()
    partial.write_text("half", encoding="utf-8")
    (tmp_path / "drr" / "ap.png").write_text("whole", encoding="utf-8")
    claim(tmp_path, "run")
    assert [path.name for path in partial.parent.iterdir()] == ["ap.png"]


def test_half_written_folders_are_removed_with_what_is_in_them(tmp_path):
    partial = tmp_path / "export" / ".0a1b2c3d.partial.x2ct"
    (partial / "inner").mkdir(parents=True)
    (partial / "inner" / "model.json").write_text("half", encoding="utf-8")
    claim(tmp_path, "run")
    assert list((tmp_path / "export").iterdir()) == []


def test_what_only_looks_half_written_stays(tmp_path):
    kept = [tmp_path / "table.partial.csv", tmp_path / ".hidden.partial.csv"]
    for path in kept:
        path.write_text("whole", encoding="utf-8")
    claim(tmp_path, "run")
    assert all(path.exists() for path in kept)


def test_a_link_in_place_of_a_half_written_folder_is_removed_alone(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "scan.nii.gz").write_text("a scan", encoding="utf-8")
    results = tmp_path / "results"
    results.mkdir()
    (results / ".0a1b2c3d.partial.link").symlink_to(elsewhere)
    claim(results, "run")
    assert (elsewhere / "scan.nii.gz").exists()
    assert not (results / ".0a1b2c3d.partial.link").is_symlink()


def test_a_run_in_a_folder_inside_is_left_alone(tmp_path, holder):
    mine = tmp_path / "mine"
    holder("run", mine)
    at_hand = mine / "drr" / ".0a1b2c3d.partial.ap.png"
    at_hand.parent.mkdir()
    at_hand.write_text("the other run is writing this", encoding="utf-8")
    claim(tmp_path, "outer")
    assert at_hand.exists()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_the_run_goes_on_with_a_warning(tmp_path, monkeypatch, caplog, code):
    def refuse(handle, how):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", refuse)
    with caplog.at_level(logging.WARNING):
        claim(tmp_path, "run")
        with at_work(tmp_path):
            pass
    assert f"run.lock cannot be locked ({os.strerror(code)})" in caplog.text


def test_another_failure_to_lock_is_no_lack_of_locks(tmp_path, monkeypatch):
    def fail(handle, how):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("fcntl.flock", fail)
    with pytest.raises(OSError, match="Input/output error"):
        claim(tmp_path, "run")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SrnetError, match=r"cannot be written.*--config results=NAME"):
        claim(tmp_path / "file", "run")
