"""Cost of provenance: what recording adds to a run, and how fast `verify` reads.

    python benchmarks/audit.py [results folder of a finished run]

Prints processor time, which other programs on the machine leave alone, and
wall time beside it. First the hashing of the same files by `sha256sum` and by
`srnet audit verify`; then, for the folder given, the share that records and
hashing have in the processor time of its jobs: every job is recorded again,
and the imports that this needs are added once a job.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from srnet.provenance.chain import Chain, read_chain
from srnet.provenance.record import Job, recorded
from srnet.provenance.store import Store
from srnet.provenance.verify import verify

FILES, MEGABYTES = 8, 128
STARTS = 5
"""Starts of Python over which the time of the imports is averaged."""


class Spent:
    """Seconds that a block took: of the processor, children included, and by the clock."""

    processor = 0.0
    wall = 0.0


@contextmanager
def spent(total: Spent | None = None) -> Iterator[Spent]:
    """Measure the block, adding to `total` if there is one."""
    total = total or Spent()
    before, began = os.times(), time.perf_counter()
    yield total
    total.processor += sum(os.times()[:4]) - sum(before[:4])
    total.wall += time.perf_counter() - began


def measure_speed() -> None:
    """Compare `verify` with `sha256sum` on one gigabyte of recorded files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [folder / f"data{number}.h5" for number in range(FILES)]
        block = bytes(range(256)) * 4096
        for number, path in enumerate(paths):
            path.write_bytes((bytes([number]) + block[1:]) * MEGABYTES)
            job = Job(str(folder), "write", {}, {"code": ""}, {}, {"data": [str(path)]})
            with recorded(job):
                pass
        with spent() as plain:
            subprocess.run(["sha256sum", *map(str, paths)], check=True, stdout=subprocess.DEVNULL)
        with spent() as ours:
            size = verify(folder).bytes / 1e6
    for name, took in (("sha256sum", plain), ("srnet audit verify", ours)):
        print(
            f"{name:18} {size:.0f} MB  {size / took.processor:.0f} MB a second of processor time  "
            f"{size / took.wall:.0f} MB/s by the clock"
        )


def measure_share(results: Path) -> None:
    """Record every job of a finished run once more, into a scratch folder, and time it."""
    chain = read_chain(Store(results))
    jobs = {(r["rule"], str(r["wildcards"])): r for r in chain.records.values()}
    cost = Spent()
    with tempfile.TemporaryDirectory() as scratch:
        for record in jobs.values():
            job = Job(
                results=scratch,
                rule=record["rule"],
                wildcards=record["wildcards"],
                params=record["params"],
                inputs=files(chain, record["inputs"]),
                outputs=files(chain, record["outputs"]),
            )
            with spent(cost), recorded(job):
                pass
    recording, imports = cost.processor, len(jobs) * import_seconds()
    total = sum(processor_seconds(path) for path in (results / "benchmarks").rglob("*.jsonl"))
    print(
        f"{len(jobs)} jobs, {total:.1f} s of processor time, of which records and hashing "
        f"{recording:.2f} s and their imports {imports:.2f} s = "
        f"{100 * (recording + imports) / total:.2f} %"
    )


def import_seconds() -> float:
    """Return the processor time that importing the recorder adds to a job that has NumPy."""
    programs = ("import numpy", "import numpy, srnet.provenance.record")
    bare, ours = Spent(), Spent()
    for _ in range(STARTS):
        for program, total in zip(programs, (bare, ours), strict=True):
            with spent(total):
                subprocess.run([sys.executable, "-c", program], check=True)
    return max(0.0, ours.processor - bare.processor) / STARTS


def processor_seconds(benchmark: Path) -> float:
    """Return the processor time of a job, as the engine sampled it."""
    seconds = json.loads(benchmark.read_text().splitlines()[-1])["cpu_time"]
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def files(chain: Chain, entries: list[dict[str, str]]) -> dict[str, list[str]]:
    """Return the files that are still there, by name."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        path = chain.file(entry)
        if path.is_file():
            found.setdefault(entry["name"], []).append(str(path))
    return found


if __name__ == "__main__":
    measure_speed()
    if len(sys.argv) > 1:
        measure_share(Path(sys.argv[1]))
