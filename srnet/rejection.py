"""How one bad scan leaves the cohort without taking it down.

A stage that cannot use a scan raises `ScanRejected`. The job then writes a
tombstone, a one-line JSON text, in place of each product. Every reader of
this package meets a tombstone with the same `ScanRejected`, so the rejection
travels down the chain by itself until `split_cohort` lists it with its reason
in `rejected.tsv`.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from srnet.atomic import write_text
from srnet.errors import ScanRejected

__all__ = ["bury", "raise_if_buried", "read_tombstone"]

_MAGIC = b'{"rejected": '
_LONGEST = 65536


def read_tombstone(path: str | Path) -> dict[str, str] | None:
    """Return `{"rejected": reason, "stage": stage}`, or None for a product."""
    with Path(path).open("rb") as handle:
        head = handle.read(_LONGEST)
    return json.loads(head) if head.startswith(_MAGIC) else None


def raise_if_buried(path: str | Path) -> None:
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
