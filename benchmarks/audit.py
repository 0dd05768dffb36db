"""Cost of provenance: what recording adds to a job, and how fast `verify` reads.

    python benchmarks/audit.py [results folder of a finished run]

Prints two tables: seconds to hash the same files with `sha256sum` and with
`srnet audit verify`, and, for the folder given, the share of the run's job
time that hashing and recording took, measured by recording each job again.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from srnet.provenance.chain import Chain, read_chain
from srnet.provenance.record import Job, recorded
from srnet.provenance.store import Store
from srnet.provenance.verify import verify

FILES, MEGABYTES = 8, 128


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
        began = time.perf_counter()
        subprocess.run(["sha256sum", *map(str, paths)], check=True, stdout=subprocess.DEVNULL)
        ended = time.perf_counter()
        verdict = verify(folder)
        verified = time.perf_counter() - ended
    size = verdict.bytes / 1e6
    print(
        f"{size:.0f} MB  sha256sum {size / (ended - began):.0f} MB/s  "
        f"srnet audit verify {size / verified:.0f} MB/s"
    )


def measure_share(results: Path) -> None:
    """Record every job of a finished run once more, into a scratch folder, and time it."""
    chain = read_chain(Store(results))
    jobs = {(r["rule"], str(r["wildcards"])): r for r in chain.records.values()}
    total, cost = 0.0, 0.0
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
            began = time.perf_counter()
            with recorded(job):
                pass
            cost += time.perf_counter() - began
            total += record["wall_s"]
    print(
        f"{len(jobs)} jobs  {total:.1f} s  of which records and hashing {cost:.2f} s  "
        f"= {100 * cost / total:.2f} %"
    )


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
