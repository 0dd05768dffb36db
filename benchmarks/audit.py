"""Measure the cost of provenance: what recording adds to a run, and how fast `verify` reads.

    python benchmarks/audit.py [results folder of a finished run]

All times are processor time, which other programs hardly change, with wall time beside it. First
the same files are hashed by `sha256sum` and by `srnet audit verify`. Then, for the folder given,
follows the share of records and hashing in the processor time of its jobs: every job is recorded
again in a copy, and the imports that this needs and the digest of its code are added once per
job. Start the program in the folder in which the run was started, so that files outside the
results folder are found.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from srnet.provenance import code as digest
from srnet.provenance.chain import Chain, read_chain
from srnet.provenance.claim import RUN_VARIABLE
from srnet.provenance.record import Job, recorded
from srnet.provenance.store import FOLDER, Store
from srnet.provenance.verify import verify

FILES, MEGABYTES = 8, 128
STARTS = 5
"""Starts of Python over which the time of the imports is averaged."""


class Spent:
    """Seconds that a block took: processor time, including children, and wall time."""

    processor = 0.0
    wall = 0.0


@contextmanager
def spent(total: Spent | None = None) -> Iterator[Spent]:
    """Measure the block, adding to `total` if there is one."""
    total = total or Spent()
    before, began = processor_time(), time.perf_counter()
    yield total
    total.processor += processor_time() - before
    total.wall += time.perf_counter() - began


def processor_time() -> float:
    """Return the processor time in seconds of this process and of those that it waited for."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


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
    """Record every job of a finished run again, in a copy, and time it."""
    chain = read_chain(Store(results))
    jobs = {(r["rule"], str(r["wildcards"])): r for r in chain.records.values()}
    cost, hashed = Spent(), 0
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        lay_out(chain, copy)
        for record in jobs.values():
            job = Job(
                results=name,
                rule=record["rule"],
                wildcards=record["wildcards"],
                params=record["params"],
                inputs=files(copy, record["inputs"]),
                outputs=files(copy, record["outputs"]),
            )
            os.environ[RUN_VARIABLE] = record["run"]
            with spent(cost), recorded(job):
                pass
            hashed += sum(entry["bytes"] for entry in [*record["inputs"], *record["outputs"]])
    # A job that takes several scans imports once and records each scan.
    processes = {(r["run"], r["host"], r["job"], r["rule"]): r for r in jobs.values()}
    imports, digests = len(processes) * import_seconds(), Spent()
    for record in processes.values():
        digest_code(chain, record, digests)
    total = sum(processor_seconds(path) for path in (results / "benchmarks").rglob("*.jsonl"))
    share = (cost.processor + imports + digests.processor) / total
    print(
        f"{len(processes)} jobs, {total:.1f} s of processor time, of which {len(jobs)} records "
        f"and hashing of {hashed / 1e6:.0f} MB {cost.processor:.2f} s, their imports "
        f"{imports:.2f} s, digests of code {digests.processor:.2f} s = {100 * share:.2f} %"
    )


def lay_out(chain: Chain, copy: Path) -> None:
    """Copy a run to `copy`: its records, links to its files, zeros for the files it removed."""
    shutil.copytree(chain.store.folder, copy / FOLDER, ignore=shutil.ignore_patterns("*.lock"))
    for record in chain.records.values():
        for entry in [*record["inputs"], *record["outputs"]]:
            place = copy / entry["path"]
            if not entry["inside"] or place.exists():
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            if chain.file(entry, record).is_file():
                place.symlink_to(chain.file(entry, record).resolve())
            else:
                place.touch()
                os.truncate(place, entry["bytes"])


def files(copy: Path, entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the files by name; those inside the results folder are taken from its copy."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        path = copy / entry["path"] if entry["inside"] else Path(entry["path"])
        found.setdefault(entry["name"], []).append(str(path))
    return found


def import_seconds() -> float:
    """Return the processor time that importing the recorder adds to a job that has NumPy."""
    programs = ("import numpy", "import numpy, srnet.provenance.record")
    bare, ours = Spent(), Spent()
    for _ in range(STARTS):
        for program, total in zip(programs, (bare, ours), strict=True):
            with spent(total):
                subprocess.run([sys.executable, "-c", program], check=True)
    return max(0.0, ours.processor - bare.processor) / STARTS


def digest_code(chain: Chain, record: Mapping[str, Any], total: Spent) -> None:
    """Digest the code of a job as its engine process does, without files read before."""
    listing = chain.store.read(chain.store.code_path(record["code"]))
    digest._read.cache_clear()
    with spent(total):
        for name in listing["files"]:
            digest.source_digest(name)


def processor_seconds(benchmark: Path) -> float:
    """Return the processor time of a job as sampled by the engine."""
    seconds = json.loads(benchmark.read_text(encoding="utf-8").splitlines()[-1])["cpu_time"]
    return float(seconds) if isinstance(seconds, int | float) else 0.0


if __name__ == "__main__":
    measure_speed()
    if len(sys.argv) > 1:
        measure_share(Path(sys.argv[1]))
