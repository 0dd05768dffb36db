"""The start of a run: one run at a time in a results folder, and what is written down of it.

Two advisory locks guard the folder; the operating system drops them when a process ends,
however it ends, so that none is ever stale. The engine's process holds `run.lock` alone for
as long as the run lasts. Each job holds `jobs.lock` together with the other jobs, and a new
run waits for jobs that outlived theirs.
"""

import errno
import fcntl
import json
import logging
import os
import platform
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from srnet.core.atomic import remove_partials
from srnet.core.errors import SrnetError
from srnet.provenance.environment import environment, git_state, installed_packages
from srnet.provenance.store import FOLDER, Store, contents

RUN_VARIABLE = "SRNET_RUN"
"""Environment variable by which a job knows the run that it belongs to."""

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
"""What a file system without advisory locks answers."""

log = logging.getLogger(__name__)
_held: list[IO[str]] = []


def claim(results: str | Path, run: str) -> None:
    """Make this process the only run in `results` until it ends, and clean up.

    Removes what writers that were killed have left half-written.

    Raises
    ------
    SrnetError
        If another run holds the folder, or it cannot be written.
    """
    results = Path(results)
    handle = _open(results, "run.lock")
    if not _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB):
        raise SrnetError(_taken(results, handle))
    handle.truncate(0)
    handle.write(json.dumps({"run": run, "pid": os.getpid(), "host": platform.node()}))
    handle.flush()
    _held.append(handle)
    os.environ[RUN_VARIABLE] = run
    with _open(results, "jobs.lock") as jobs:
        if not _lock(jobs, fcntl.LOCK_EX | fcntl.LOCK_NB):
            log.warning("%s: waiting for jobs that a killed run has left at work", results)
            _lock(jobs, fcntl.LOCK_EX)
    # Those of this results folder, not of one inside it.
    remove_partials(list(contents(results)))


def join(results: str | Path) -> None:
    """Mark this process as a job at work in `results` until it ends.

    Raises
    ------
    SrnetError
        If the run that submitted the job has ended and another holds the
        folder, as may happen to a job that waited in the queue of a cluster.
    """
    handle = _open(Path(results), "jobs.lock")
    _lock(handle, fcntl.LOCK_SH)
    _held.append(handle)
    mine = os.environ.get(RUN_VARIABLE)
    theirs = _holder(Path(results)).get("run")
    if mine and theirs and mine != theirs:
        raise SrnetError(
            f"{results}: this job belongs to run {mine}, which run {theirs} has replaced; "
            "nothing to do, the new run submits its own"
        )


@contextmanager
def at_work(results: str | Path) -> Iterator[None]:
    """Mark this process as a job at work in `results` for the length of a block."""
    join(results)
    handle = _held[-1]
    try:
        yield
    finally:
        handle.close()
        _held.remove(handle)


def _open(results: Path, name: str) -> IO[str]:
    folder = results / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / name).open("a+", encoding="utf-8")
    except OSError as failure:
        raise SrnetError(
            f"{folder / name} cannot be written ({failure.strerror}); free the disk or give "
            "write permission, or choose another folder: --config results=NAME"
        ) from None


def _lock(handle: IO[str], how: int) -> bool:
    """Lock a file; False if another process holds it."""
    try:
        fcntl.flock(handle, how)
    except BlockingIOError:
        return False
    except OSError as failure:
        if failure.errno not in _NO_LOCKS:
            raise
        log.warning(
            "%s cannot be locked (%s): see to it that no second run is at work in this folder, "
            "or put it on a file system with locks",
            handle.name,
            failure.strerror,
        )
    return True


def _holder(results: Path) -> dict[str, str]:
    with suppress(OSError, ValueError):
        found: dict[str, str] = json.loads(
            (results / FOLDER / "run.lock").read_text(encoding="utf-8")
        )
        return found
    return {}


def _taken(results: Path, handle: IO[str]) -> str:
    handle.close()
    holder = _holder(results)
    who = f"process {holder.get('pid', 'unknown')} on {holder.get('host', 'this machine')}"
    return (
        f"{results}: another run is at work here ({who}); wait for it or stop it, "
        "or give this run a folder of its own: --config results=NAME"
    )


@dataclass(frozen=True)
class Run:
    """What the rules know of a run.

    Attributes
    ----------
    engine
        Name and version of the workflow engine.
    config
        The whole resolved configuration.
    temporary
        For each rule, the names of its outputs that are removed after use.
    code
        For each code digest, the source files that it counts with theirs.
    """

    engine: str
    config: Mapping[str, Any]
    temporary: Mapping[str, Sequence[str]]
    code: Mapping[str, Mapping[str, str]]


def start_run(results: str | Path, run: Run) -> str:
    """Claim `results`, write the facts of the run, and return its id.

    Raises
    ------
    SrnetError
        If another run is at work there, or the folder cannot be written.
    """
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    claim(results, name)
    store = Store(results)
    for digest, listing in run.code.items():
        if not store.code_path(digest).is_file():
            store.write(store.code_path(digest), {"digest": digest, "files": dict(listing)})
    facts = {
        "run": name,
        "started": now.isoformat(),
        "command": sys.argv,
        "folder": str(Path.cwd()),
        "engine": run.engine,
        "config": dict(run.config),
        "temporary": {rule: list(names) for rule, names in run.temporary.items()},
        "git": git_state(),
        "environment": environment(),
        "packages": installed_packages(),
    }
    store.write(store.run_path(name), facts)
    return name
