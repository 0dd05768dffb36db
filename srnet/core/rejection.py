"""How one bad scan leaves the cohort without taking it down.

A stage that cannot use a scan raises `ScanRejected`. The job then writes a
tombstone, a one-line JSON text, in place of each product. Every reader of
this package meets a tombstone with the same `ScanRejected`, so the rejection
travels down the chain by itself until `split_cohort` lists it with its reason
in `rejected.tsv`.

A tombstone stays. A machine that ran short of memory or disk says nothing of
the scan, so that what `is_shortage` knows fails the job instead.
"""

import errno
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from srnet.core.atomic import write_text
from srnet.core.errors import ScanRejected

_MAGIC = b'{"rejected": '
_LONGEST = 65536
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
"""What the operating system says of disks, networks and limits rather than of a file."""

_WORDS = re.compile(
    r"(unable to|failed to|cannot) allocate|bad[_ ]alloc"
    r"|no space left on device|input/output error|stale file handle",
    re.IGNORECASE,
)
"""How ITK, which has one kind of error, words the same."""


def is_shortage(failure: BaseException) -> bool:
    """Tell whether the machine failed, and not the scan: a later try may succeed."""
    if isinstance(failure, OSError):
        return failure.errno in _MACHINE
    return isinstance(failure, MemoryError) or bool(_WORDS.search(str(failure)))


def read_tombstone(path: str | Path) -> dict[str, str] | None:
    """Return `{"rejected": reason, "stage": stage}`, or None for a product."""
    with Path(path).open("rb") as handle:
        head = handle.read(_LONGEST)
    return json.loads(head) if head.startswith(_MAGIC) else None


def raise_if_rejected(path: str | Path) -> None:
    """Raise `ScanRejected` with the recorded reason if `path` is a tombstone."""
    stone = read_tombstone(path)
    if stone is not None:
        raise ScanRejected(stone["rejected"]) from None


@contextmanager
def bury(products: Iterable[str | Path], stage: str) -> Iterator[None]:
    """Turn a `ScanRejected` inside the block into a tombstone at each product.

    The stage named in the tombstone is the first that rejected the scan; later
    stages only hand it on.
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
