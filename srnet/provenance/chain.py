"""The records of a results folder as a graph: what was made from what."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from srnet.errors import SrnetError
from srnet.provenance.store import Store

__all__ = ["Chain", "read_chain"]

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Chain:
    """All records of a results folder.

    Attributes
    ----------
    store
        Where they lie.
    records
        Artifact, named relative to the results folder: its record.
    damaged
        Artifact whose record cannot be believed: why.
    """

    store: Store
    records: Mapping[str, Record]
    damaged: Mapping[str, str]

    def output(self, artifact: str) -> Record:
        """Return what the record of an artifact says of its file."""
        outputs = self.records[artifact]["outputs"]
        entry: Record = next(entry for entry in outputs if entry["path"] == artifact)
        return entry

    def file(self, entry: Record) -> Path:
        """Return where the file of an input or output lies.

        A file outside the results folder was named relative to the folder that
        its run started in, which is tried where the name leads nowhere here.
        """
        here = Path(entry["path"])
        if entry["inside"]:
            return self.store.results / here
        tried = [folder / here for folder in self._run_folders]
        return next((path for path in (here, *tried) if path.exists()), here)

    @cached_property
    def _run_folders(self) -> list[Path]:
        runs = sorted((self.store.folder / "runs").glob("*.json"), reverse=True)
        return list(dict.fromkeys(Path(self.store.read(run)["folder"]) for run in runs))

    @cached_property
    def dependants(self) -> Mapping[str, set[str]]:
        """Return for each file the artifacts that were made from it directly."""
        found: dict[str, set[str]] = defaultdict(set)
        for artifact, record in self.records.items():
            for entry in record["inputs"]:
                found[entry["path"]].add(artifact)
        return found

    def downstream(self, files: Iterable[str]) -> list[str]:
        """Return every artifact that was made from any of `files`, directly or not."""
        found: set[str] = set()
        waiting = list(files)
        while waiting:
            fresh = self.dependants.get(waiting.pop(), set()) - found
            found |= fresh
            waiting.extend(fresh)
        return sorted(found)

    def upstream(self, artifact: str) -> Iterator[str]:
        """Yield `artifact` and every recorded artifact that went into it, once each."""
        seen: set[str] = set()
        waiting = [artifact]
        while waiting:
            name = waiting.pop()
            if name in seen or name not in self.records:
                continue
            seen.add(name)
            yield name
            waiting.extend(entry["path"] for entry in self.records[name]["inputs"])


def read_chain(store: Store) -> Chain:
    """Read all records of a results folder; damaged ones are kept apart."""
    records, damaged = {}, {}
    for artifact in store.artifacts():
        try:
            records[artifact] = store.read(store.artifact_path(artifact))
        except SrnetError as damage:
            damaged[artifact] = str(damage)
    return Chain(store, records, damaged)
