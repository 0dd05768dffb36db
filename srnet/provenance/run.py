"""What the engine's own process writes before the first job starts."""

import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from srnet.provenance.claim import claim
from srnet.provenance.environment import environment, git_state, installed_packages
from srnet.provenance.store import Store

__all__ = ["Run", "start_run"]


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
