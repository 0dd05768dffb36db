"""The record and the log of one job: what it read, ran and wrote, or why it failed.

The id of a record is a digest over what decides the result (rule, wildcards, params, digests
of inputs and code), so that the same job has the same id on any machine at any time, and
artifacts that carry it stay equal byte for byte. Times, host and memory stand in the record
only. So do paths outside the results folder: a param that names an input names it by its
role, such as `<files 1>`.
"""

import errno
import hashlib
import logging
import os
import platform
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from srnet.core.digest import read_content
from srnet.core.errors import SrnetError
from srnet.core.rejection import read_tombstone, record_rejection
from srnet.core.stamp import stamped
from srnet.provenance.claim import RUN_VARIABLE, at_work
from srnet.provenance.environment import environment, git_state, peak_memory_mb
from srnet.provenance.store import Store, canonical

Files = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Job:
    """One job as the engine describes it; files by name, relative to the working folder.

    `digests` holds the SHA-256 of those inputs, by path, that a list of products states.
    """

    results: str
    rule: str
    wildcards: Mapping[str, str]
    params: Mapping[str, Any]
    inputs: Files
    outputs: Files
    threads: int = 1
    resources: Mapping[str, Any] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def run_job(job: Job, log: str | Path) -> Iterator[None]:
    """Run the block as `job`: log and record it, and leave a tombstone of a rejected scan."""
    outputs = [path for paths in job.outputs.values() for path in paths]
    with logged(log, job), recorded(job), record_rejection(outputs, stage=job.rule):
        yield


@contextmanager
def recorded(job: Job) -> Iterator[str]:
    """Run the block as `job`: stamp what it writes and record every output.

    Nothing is recorded if the block fails. Yields the id of the record.
    """
    store = Store(job.results)
    with at_work(job.results):
        watch, started = time.perf_counter(), datetime.now(UTC)
        run = _run_facts(store)
        inputs = _describe(store, job.inputs)
        _check_digests(inputs, job.digests)
        decisive = {
            "rule": job.rule,
            "wildcards": dict(job.wildcards),
            "params": _by_role(dict(job.params), inputs),
            "inputs": inputs,
        }
        record = record_id_of(decisive)
        with stamped(record):
            yield record
        outputs = _describe(store, job.outputs)
        # Read the clock last: the time to hash the files belongs to the job.
        facts = {
            "id": record,
            **decisive,
            "code": job.params.get("code"),
            "seed": job.params.get("seed"),
            "outputs": _mark_temporary(run, job.rule, outputs),
            "rejected": _rejection(job.outputs),
            "licences": _licences(store, job, inputs),
            "threads": job.threads,
            "resources": dict(job.resources),
            **_circumstances(run),
            "started": started.isoformat(),
            "ended": datetime.now(UTC).isoformat(),
            "wall_s": round(time.perf_counter() - watch, 3),
        }
        for output in outputs:
            store.write(store.artifact_path(output["path"]), facts)


def record_id_of(record: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits over all in a record that decides the result."""
    decisive = {
        **{key: record[key] for key in ("rule", "wildcards", "params")},
        "inputs": [[entry["name"], entry["sha256"]] for entry in record["inputs"]],
    }
    return hashlib.sha256(canonical(decisive).encode()).hexdigest()[:16]


def _by_role(params: Any, inputs: Sequence[Mapping[str, Any]]) -> Any:
    """Return params with inputs from outside named by their role, wherever they lie."""
    counts = Counter[str]()
    roles = {}
    for entry in inputs:
        counts[entry["name"]] += 1
        if not entry["inside"]:
            roles[entry["path"]] = f"<{entry['name']} {counts[entry['name']]}>"

    def renamed(part: Any) -> Any:
        if isinstance(part, Mapping):
            return {str(key): renamed(inner) for key, inner in part.items()}
        if isinstance(part, list | tuple):
            return [renamed(inner) for inner in part]
        return roles.get(part, part) if isinstance(part, str) else part

    return renamed(params)


def _describe(store: Store, files: Files) -> list[dict[str, Any]]:
    """Return name, place, size and digest of each file, or folder of files.

    What lies in the results folder is named relative to it, any other as given.

    Raises
    ------
    SrnetError
        If a file is missing.
    """
    entries = []
    for name, paths in files.items():
        for path in paths:
            inside = store.relative(path)
            content = read_content(path)
            if content is None:
                raise SrnetError(
                    f"{path}: is not there; restore it, or delete the list of the stage that made "
                    "it, such as results/volume/BATCH.tsv, and give the same command again"
                )
            entry = {
                "name": name,
                "path": inside if inside is not None else str(path),
                "inside": inside is not None,
                "bytes": content.bytes,
                "sha256": content.sha256,
            }
            entries.append(entry | ({"files": dict(content.files)} if content.files else {}))
    return entries


def _check_digests(inputs: Sequence[Mapping[str, Any]], digests: Mapping[str, str]) -> None:
    """Refuse inputs that are not those that a list of products states."""
    for entry in inputs:
        stated = digests.get(entry["path"], entry["sha256"])
        if entry["sha256"] != stated:
            raise SrnetError(
                f"{entry['path']}: has SHA-256 {entry['sha256'][:12]}..., not {stated[:12]}... as "
                "the list of its batch states; delete the list of the stage that made it, such as "
                "results/volume/BATCH.tsv, and give the same command again"
            )


def _run_facts(store: Store) -> dict[str, Any]:
    """Return what the engine's process wrote at the start, or nothing outside a run."""
    path = store.run_path(os.environ.get(RUN_VARIABLE, "none"))
    return store.read(path) if path.is_file() else {}


def _mark_temporary(
    run: Mapping[str, Any], rule: str, outputs: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Say of each output whether the run removes it after use."""
    names = run.get("temporary", {}).get(rule, ())
    return [{**entry, "temporary": entry["name"] in names} for entry in outputs]


def _rejection(outputs: Files) -> str | None:
    """Return why the scan was rejected, if the outputs are tombstones."""
    stones = (read_tombstone(path) for paths in outputs.values() for path in paths)
    return next((stone["rejected"] for stone in stones if stone), None)


def _licences(store: Store, job: Job, inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the licences of all scans that went into the job."""
    scan = job.params.get("scan")
    found = {scan["licence"]} if isinstance(scan, Mapping) and "licence" in scan else set()
    for entry in inputs:
        upstream = store.read_artifact(entry["path"]) if entry["inside"] else None
        found.update(upstream["licences"] if upstream else ())
    return sorted(found)


def _circumstances(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is true of this run of the job only."""
    return {
        "run": run.get("run"),
        "git": run.get("git") or git_state(),
        "environment": environment(),
        "host": platform.node(),
        "job": os.environ.get("SLURM_JOB_ID", str(os.getpid())),
        "peak_memory_mb": peak_memory_mb(),
    }


_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@contextmanager
def logged(path: str | Path, job: Job) -> Iterator[None]:
    """Log to `path` what the block says, warns of and fails with.

    A bug goes on up and leaves its traceback in the log. A user's mistake, or a disk that
    cannot be written to, ends the process with a sentence, which is all that the log and
    the terminal show of it.

    Raises
    ------
    SystemExit
        On a user's mistake, with the sentence.
    """
    logging.basicConfig(filename=path, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.captureWarnings(capture=True)
    # On a full disk the log would speak over the sentence that says so.
    logging.raiseExceptions = False
    name = " ".join([job.rule, *job.wildcards.values()])
    logging.info(name)
    try:
        yield
    except Exception as failure:
        mistake = failure if isinstance(failure, SrnetError) else _on_writing(failure, job)
        if mistake is None:
            logging.exception("%s failed", name)
            raise
        logging.error("%s failed: %s", name, mistake)
        sys.exit(f"{name}: {mistake}")


def _on_writing(failure: Exception, job: Job) -> SrnetError | None:
    """Name a failure to write: of the disk, or for want of permission beside an output."""
    number = _system_error(failure)
    if number is None:
        return None
    outputs = [path for paths in job.outputs.values() for path in paths]
    where = getattr(failure, "filename", None)
    beside = where is not None and Path(where).parent in {Path(path).parent for path in outputs}
    if number not in _DISK and not (number == errno.EACCES and beside):
        return None
    return SrnetError(
        f"{', '.join(outputs)} cannot be written: {os.strerror(number)}; nothing "
        "half-written is left: mend the disk, then give the same command again"
    )


def _system_error(failure: Exception) -> int | None:
    """Return the system's error number; HDF5 gives it in the text of a RuntimeError."""
    said = re.search(r"\berrno = (\d+)", str(failure))
    return int(said[1]) if said else getattr(failure, "errno", None)
