"""Which scans one job of the preparation takes.

Starting a job takes as long as preparing a small scan, and a place in the queue of a
cluster longer, so a job takes several scans. Which ones depends on a hash of their names: a
batch holds the scans of one source whose hashes begin with the same bits. One that grows
beyond `scans_per_job` is parted in two by its next bit, and no scan of another batch moves.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from srnet.acquire.scan import Scan

LEAST_BITS = 3
"""Up to eight batches of a source, for as many cores, however few its scans."""


def batch_scans(scans: Iterable[Scan], scans_per_job: int) -> dict[str, list[str]]:
    """Return the scan ids of each batch by its name, `SOURCE_BITS`, in the order of the cohort.

    Parameters
    ----------
    scans
        The cohort.
    scans_per_job
        The most scans of a batch.
    """
    sources: dict[str, list[str]] = defaultdict(list)
    for scan in scans:
        sources[scan.source].append(scan.scan_id)
    batches = {
        f"{source}_{bits}": names
        for source, cohort in sources.items()
        for bits, names in _parted(cohort, "", scans_per_job)
    }
    return dict(sorted(batches.items()))


def _parted(names: list[str], bits: str, most: int) -> Iterator[tuple[str, list[str]]]:
    """Yield the batches among scans whose hashes begin with `bits`."""
    if len(bits) >= LEAST_BITS and len(names) <= most:
        if names:
            yield bits, names
        return
    for bit in "01":
        yield from _parted([n for n in names if _bits(n)[len(bits)] == bit], bits + bit, most)


def _bits(name: str) -> str:
    """Return 256 bits that depend on the name only, the same on every machine."""
    return f"{int(hashlib.sha256(name.encode()).hexdigest(), 16):0256b}"
