"""The log of one job: what it did, or why it failed."""

import errno
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from srnet.errors import SrnetError
from srnet.provenance.record import Job

__all__ = ["logged"]

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@contextmanager
def logged(path: str | Path, job: Job) -> Iterator[None]:
    """Log to `path` what the block says, warns of and fails with.

    Raises
    ------
    SrnetError
        If the outputs cannot be written, with the cure; all else as it was.
    """
    logging.basicConfig(filename=path, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.captureWarnings(capture=True)
    try:
        yield
    except Exception as failure:
        logging.exception("%s failed", job.rule)
        outputs = [path for paths in job.outputs.values() for path in paths]
        if not isinstance(failure, OSError) or not _on_writing(failure, outputs):
            raise
        raise SrnetError(
            f"{job.rule}: {', '.join(outputs)} cannot be written: {failure.strerror}; nothing "
            "half-written is left: mend the disk, then give the same command again"
        ) from None


def _on_writing(failure: OSError, outputs: Sequence[str]) -> bool:
    """Tell a failure to write: of the disk, or for want of permission beside an output."""
    forbidden = failure.errno == errno.EACCES and failure.filename is not None
    folders = {Path(path).parent for path in outputs}
    return failure.errno in _DISK or (forbidden and Path(failure.filename).parent in folders)
