"""The records of a results folder as a graph: what was made from what."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from srnet.core.errors import SrnetError
from srnet.provenance.code import short_digest
from srnet.provenance.record import record_id_of
from srnet.provenance.store import Store

Record = Mapping[str, Any]

_ENTRY = {"name": str, "path": str, "inside": bool, "bytes": int, "sha256": str}
_RECORD: Mapping[str, type] = {
    **dict.fromkeys(("id", "rule", "started", "ended"), str),
    **dict.fromkeys(("wildcards", "params", "git", "environment"), dict),
    **dict.fromkeys(("inputs", "outputs", "licences"), list),
}
"""Fields without which nothing can be said of a job."""


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
    runs
        Id of a run: its facts.
    """

    store: Store
    records: Mapping[str, Record]
    damaged: Mapping[str, str]
    runs: Mapping[str, Record]

    def output(self, artifact: str) -> Record:
        """Return what the record of an artifact says of its file."""
        return _output(self.records[artifact], artifact)

    def place(self, artifact: str) -> Path:
        """Return where an artifact lies."""
        return self.file(self.output(artifact), self.records[artifact])

    def file(self, entry: Record, record: Record) -> Path:
        """Return where the file of an input or output of `record` lies.

        A file outside the results folder was named relative to the folder that
        its run started in. Where the name leads nowhere from there, as after a move,
        folders of other runs are tried, the present one last.
        """
        here = Path(entry["path"])
        if entry["inside"]:
            return self.store.results / here
        own = self.runs.get(str(record.get("run")), {}).get("folder")
        folders = [own, *self._run_folders] if own else self._run_folders
        tried = [folder / here for folder in (*map(Path, folders), Path())]
        return next((path for path in tried if path.exists()), tried[0])

    @cached_property
    def _run_folders(self) -> list[str]:
        latest_first = sorted(self.runs, reverse=True)
        return list(dict.fromkeys(str(self.runs[run]["folder"]) for run in latest_first))

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

    def upstream(self, *artifacts: str) -> Iterator[str]:
        """Yield `artifacts` and every recorded artifact that went into them, once each."""
        yield from (name for name in self._reached(artifacts) if name in self.records)

    def leading_to(self, *artifacts: str) -> "Chain":
        """Return the part of the chain that `artifacts` were made by."""
        reached = set(self._reached(artifacts))
        records = {name: self.records[name] for name in self.records if name in reached}
        damaged = {name: self.damaged[name] for name in self.damaged if name in reached}
        return replace(self, records=records, damaged=damaged)

    def _reached(self, artifacts: Iterable[str]) -> Iterator[str]:
        """Yield all files that went into `artifacts`, recorded or not."""
        seen: set[str] = set()
        waiting = list(artifacts)
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            yield name
            waiting.extend(e["path"] for e in self.records.get(name, {"inputs": ()})["inputs"])

    def require_sound(self) -> None:
        """Refuse to speak of a chain in which a record is damaged.

        Raises
        ------
        SrnetError
            If there is one.
        """
        for name, reason in self.damaged.items():
            raise SrnetError(
                f"the record of {name} cannot be believed ({reason}); run "
                f"`srnet audit verify {self.store.results}` to see all that it affects"
            )


def read_chain(store: Store) -> Chain:
    """Read all records of a results folder; damaged ones are kept apart."""
    records, damaged = {}, {}
    for artifact in store.artifacts():
        try:
            records[artifact] = _checked(artifact, store.read(store.artifact_path(artifact)))
        except SrnetError as damage:
            damaged[artifact] = str(damage)
    at_odds = {name: found for name in records if (found := _at_odds(name, records))}
    sound = {name: record for name, record in records.items() if name not in at_odds}
    return Chain(store, sound, damaged | at_odds, dict(_read_runs(store)))


def read_listing(store: Store, digest: str) -> dict[str, str]:
    """Return the source files behind a code digest with the digest of each.

    Raises
    ------
    SrnetError
        If the listing is missing or is not the one that the digest stands for.
    """
    path = store.code_path(digest)
    files = store.read(path).get("files")
    if not isinstance(files, dict) or short_digest(files) != digest:
        raise SrnetError(f"{path} lists other files than those that its name stands for")
    return files


def _read_runs(store: Store) -> Iterator[tuple[str, Record]]:
    """Yield the facts of every run whose record can be believed."""
    for path in store.runs():
        try:
            yield path.stem, store.read_run(path.stem)
        except SrnetError:
            # What verify says of it; the others need no run to be read.
            continue


def _output(record: Record, artifact: str) -> Record:
    entry: Record = next(entry for entry in record["outputs"] if entry["path"] == artifact)
    return entry


def _checked(artifact: str, record: Record) -> Record:
    """Return `record` if it speaks of `artifact` and says what its id stands for.

    Raises
    ------
    SrnetError
        If it does not.
    """
    whole = _has(record, _RECORD) and all(
        isinstance(entry, dict) and _has(entry, _ENTRY)
        for entry in (*record["inputs"], *record["outputs"])
    )
    if not whole:
        raise SrnetError("it lacks what a record says of a job")
    if all(entry["path"] != artifact for entry in record["outputs"]):
        raise SrnetError("it is the record of other files")
    if record_id_of(record) != record["id"]:
        raise SrnetError(f"rule, wildcards, params and inputs do not give its id {record['id']}")
    if any(record.get(key) != record["params"].get(key) for key in ("code", "seed")):
        raise SrnetError("its code or seed is not that of its params")
    return record


def _has(values: Record, fields: Mapping[str, type]) -> bool:
    return all(isinstance(values.get(name), kind) for name, kind in fields.items())


def _at_odds(artifact: str, records: Mapping[str, Record]) -> str | None:
    """Say how a record differs from those of the same job, unless most are like it."""
    record = records[artifact]
    beside = [entry["path"] for entry in record["outputs"] if entry["path"] in records]
    others = [name for name in beside if records[name] != record]
    if not others or 2 * len(others) < len(beside):
        return None
    return f"it differs from that of {others[0]}, which the same job made"
