"""What the log of a job keeps, and what the person at the keyboard is told."""

import errno
import logging
import os
import warnings

import pytest

from srnet.core.errors import SrnetError
from srnet.provenance.record import Job, logged


@pytest.fixture
def job(tmp_path):
    return Job(
        results=str(tmp_path),
        rule="project_drr",
        wildcards={},
        params={},
        inputs={},
        outputs={"ap": [str(tmp_path / "drr/ap.png")]},
    )


def fail(job, path, failure):
    with logged(path, job):
        logging.info("at work")
        warnings.warn("thin slices", stacklevel=1)
        raise failure


@pytest.fixture
def fresh(monkeypatch):
    """Return a function that sets logging back to what it is in a new process."""

    def reset():
        monkeypatch.setattr(logging.root, "handlers", [])
        monkeypatch.setattr(logging.root, "level", logging.WARNING)
        monkeypatch.setattr(logging, "raiseExceptions", True)
        logging.captureWarnings(capture=False)

    yield reset
    logging.captureWarnings(capture=False)


def test_the_log_keeps_messages_warnings_and_the_failure(job, tmp_path, fresh):
    fresh()
    with pytest.raises(KeyError):
        fail(job, tmp_path / "job.log", KeyError("spine"))
    text = (tmp_path / "job.log").read_text(encoding="utf-8")
    for line in ("at work", "thin slices", "project_drr failed", "KeyError: 'spine'"):
        assert line in text


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_what_keeps_an_output_from_being_written_is_said_with_a_cure(job, tmp_path, fresh, code):
    fresh()
    failure = OSError(code, os.strerror(code), str(tmp_path / "drr/.1.partial.ap.png"))
    said = rf"drr/ap\.png cannot be written: {os.strerror(code)}; .*mend the"
    with pytest.raises(SystemExit, match=said):
        fail(job, tmp_path / "job.log", failure)


def test_a_full_disk_is_known_from_what_hdf5_says_of_it(job, tmp_path, fresh):
    fresh()
    failure = RuntimeError(
        "Can't close dataset (file write failed: errno = 28, error message = ...)"
    )
    with pytest.raises(SystemExit, match=r"No space left on device"):
        fail(job, tmp_path / "job.log", failure)


def test_a_mistake_ends_the_job_with_its_sentence_and_no_traceback(job, tmp_path, fresh):
    fresh()
    with pytest.raises(SystemExit, match=r"^project_drr: scan\.nii: is empty; download it again$"):
        fail(job, tmp_path / "job.log", SrnetError("scan.nii: is empty; download it again"))
    text = (tmp_path / "job.log").read_text(encoding="utf-8")
    assert "project_drr failed: scan.nii: is empty; download it again" in text
    assert "Traceback" not in text


def test_a_forbidden_input_is_no_matter_of_writing(job, tmp_path, fresh):
    fresh()
    failure = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "ct/scan.nii.gz"))
    with pytest.raises(PermissionError):
        fail(job, tmp_path / "job.log", failure)
