"""The log of one job: what it did, or why it failed."""

import errno
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from srnet.errors import SrnetError
from srnet.provenance.record import Job

__all__ = ["logged"]

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@contextmanager
def logged(path: str | Path, job: Job) -> Iterator[None]:
    """Log to `path` what the block says, warns of and fails with.

    A bug goes on up and leaves its traceback in the log. A user's mistake, or a disk that
    cannot be written to, ends the process with a sentence, which is all that the log and
    the terminal show of it.

    Raises
    ------
    SystemExit
        On a user's mistake, with the sentence.
    """
    logging.basicConfig(filename=path, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.captureWarnings(capture=True)
    # On a full disk the log would speak over the sentence that says so.
    logging.raiseExceptions = False
    name = " ".join([job.rule, *job.wildcards.values()])
    logging.info(name)
    try:
        yield
    except Exception as failure:
        mistake = failure if isinstance(failure, SrnetError) else _on_writing(failure, job)
        if mistake is None:
            logging.exception("%s failed", name)
            raise
        logging.error("%s failed: %s", name, mistake)
        sys.exit(f"{name}: {mistake}")


def _on_writing(failure: Exception, job: Job) -> SrnetError | None:
    """Name a failure to write: of the disk, or for want of permission beside an output."""
    number = _system_error(failure)
    if number is None:
        return None
    outputs = [path for paths in job.outputs.values() for path in paths]
    where = getattr(failure, "filename", None)
    beside = where is not None and Path(where).parent in {Path(path).parent for path in outputs}
    if number not in _DISK and not (number == errno.EACCES and beside):
        return None
    return SrnetError(
        f"{', '.join(outputs)} cannot be written: {os.strerror(number)}; nothing "
        "half-written is left: mend the disk, then give the same command again"
    )


def _system_error(failure: Exception) -> int | None:
    """Return the system's error number; HDF5 gives it in the text of a RuntimeError."""
    said = re.search(r"\berrno = (\d+)", str(failure))
    return int(said[1]) if said else getattr(failure, "errno", None)
