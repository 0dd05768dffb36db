"""Which scans one job of the preparation takes.

Starting a job takes as long as preparing a small scan, and a place in the queue of a
cluster longer, so a job takes several scans. Which ones depends on their names: a scan
more or less changes its own batch and no other, until the cohort has doubled.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from srnet.acquire.scan import Scan

JOBS_AT_LEAST = 8
"""Batches of a source with as many scans, for as many cores, however small the batches."""


def batch_scans(scans: Iterable[Scan], scans_per_job: int) -> dict[str, list[str]]:
    """Return the scan ids of each batch, by the name of the batch, `SOURCE_NUMBER`.

    Parameters
    ----------
    scans
        The cohort; a batch holds scans of one source.
    scans_per_job
        Mean size of the batches at least, below twice as many; the number of batches is a
        power of two.
    """
    sources: dict[str, list[str]] = defaultdict(list)
    for scan in scans:
        sources[scan.source].append(scan.scan_id)
    batches: dict[str, list[str]] = defaultdict(list)
    for source, names in sources.items():
        wanted = max(len(names) // scans_per_job, min(JOBS_AT_LEAST, len(names)))
        count = 2 ** (wanted.bit_length() - 1)
        for name in names:
            batches[f"{source}_{_draw(name) % count}"].append(name)
    return dict(sorted(batches.items()))


def _draw(name: str) -> int:
    """Return a number that depends on the name only, the same on every machine."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
