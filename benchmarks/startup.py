"""Print the share of time that the preparation jobs of a finished run spent on starting.

    snakemake --cores all results/split.tsv
    python benchmarks/startup.py results

A job takes a batch of scans. The time of each scan is in its record, that of the whole job in the
engine's benchmark file. Libraries are loaded during the first scan of a job, which therefore
counts with the median time of the others of its stage. The rest of the job's time is spent on
starting: the shell, Python, imports, and the data that the engine passes to the job.
"""

import json
import sys
from collections import defaultdict
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

from srnet.provenance.store import Store

STAGES = {
    "acquire": "voxels/*.txt",
    "separate_bone": "bone/*/*.nii.gz",
    "resample_volume": "volume/*.nii.gz",
    "project_drr": "drr/*/ap.png",
}
"""The stages, and a pattern of one artifact per scan."""


def batches(results: Path, artifacts: str) -> list[list[float]]:
    """Return the seconds of the scans of each job of a stage, in their order."""
    store = Store(results)
    jobs: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for path in (store.folder / "artifacts").glob(f"{artifacts}.json"):
        record = store.read(path)
        jobs[record["run"], record["host"], record["job"]].append(record)
    ordered = (sorted(batch, key=lambda record: record["started"]) for batch in jobs.values())
    return [[record["wall_s"] for record in batch] for batch in ordered]


def whole_jobs(results: Path, stage: str) -> float:
    """Return the seconds of all jobs of a stage."""
    lines = (
        path.read_text(encoding="utf-8").splitlines()
        for path in (results / "benchmarks" / stage).glob("*.jsonl")
    )
    return float(sum(json.loads(line)["s"] for line in chain.from_iterable(lines)))


def main(folder: str) -> None:
    """Print jobs, scans, seconds of starting and working, and the share, stage by stage."""
    results = Path(folder)
    print(f"{'':16s}{'jobs':>6s}{'scans':>7s}{'starting, s':>13s}{'working, s':>12s}{'share':>8s}")
    total = working = 0.0
    for stage, artifacts in STAGES.items():
        jobs = batches(results, artifacts)
        scans = sum(map(len, jobs))
        later = [seconds for batch in jobs for seconds in batch[1:]]
        work = sum(later) + len(jobs) * median(later)
        whole = whole_jobs(results, stage)
        total, working = total + whole, working + work
        print(
            f"{stage:16s}{len(jobs):6d}{scans:7d}{whole - work:13.1f}{work:12.1f}"
            f"{1 - work / whole:8.1%}"
        )
    print(f"{'all':29s}{total - working:13.1f}{working:12.1f}{1 - working / total:8.1%}")


if __name__ == "__main__":
    main(*sys.argv[1:])
