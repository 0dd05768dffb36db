"""How a scan that cannot be used leaves the cohort while the others go on.

A stage that cannot use a scan raises `ScanRejected`. The job then writes a tombstone in place of
each product: a JSON text of one line that holds the reason. Every reader of this package that
finds a tombstone raises the same `ScanRejected`, so that later stages reject the scan as well,
until `split_cohort` lists it with its reason in `rejected.tsv`.

A tombstone is permanent. A lack of memory or disk, which `is_shortage` recognises, says nothing
about the scan and therefore fails the job instead.
"""

import errno
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from srnet.core.atomic import write_text
from srnet.core.errors import ScanRejected, SrnetError

_MAGIC = b'{"rejected": '
_MACHINE = {
    errno.ENOMEM,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.EMFILE,
    errno.ENFILE,
}
"""Errors of the operating system that concern disks, networks and limits rather than a file."""

_WORDS = re.compile(
    r"(unable to|failed to|cannot|can't) allocate|bad[_ ]alloc|out of memory"
    r"|no space left on device|input/output error|stale file handle",
    re.IGNORECASE,
)
"""The same in the texts of ITK and of torch, which have only one kind of error."""


def is_shortage(failure: BaseException) -> bool:
    """Tell whether the machine failed rather than the scan, so that a later try may succeed."""
    if isinstance(failure, OSError):
        return failure.errno in _MACHINE
    return isinstance(failure, MemoryError) or bool(_WORDS.search(str(failure)))


def read_tombstone(path: str | Path) -> dict[str, str] | None:
    """Return `{"rejected": reason, "stage": stage}`, or None for a product."""
    with Path(path).open("rb") as handle:
        head = handle.read(65536)
    if not head.startswith(_MAGIC):
        return None
    try:
        stone: dict[str, str] = json.loads(head)
    except ValueError:
        raise SrnetError(
            f"{path}: tells of a rejected scan, but is cut short; delete it and run again"
        ) from None
    return stone


def raise_if_rejected(path: str | Path) -> None:
    """Raise `ScanRejected` with the recorded reason if `path` is a tombstone."""
    if stone := read_tombstone(path):
        raise ScanRejected(stone["rejected"]) from None


@contextmanager
def record_rejection(products: Iterable[str | Path], stage: str) -> Iterator[None]:
    """Turn a `ScanRejected` inside the block into a tombstone in place of each product.

    The tombstone names the first stage that rejected the scan, also where a later one writes it.
    """
    try:
        yield
    except ScanRejected as rejection:
        reason = str(rejection)
        first, _, text = reason.partition(": ")
        if not first.startswith("stage "):
            first, text = f"stage {stage}", reason
        stone = json.dumps({"rejected": f"{first}: {text}", "stage": first.removeprefix("stage ")})
        for product in products:
            write_text(product, stone + "\n")
