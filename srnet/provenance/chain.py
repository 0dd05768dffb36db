"""The records of a results folder as a graph: what was made from what."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
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
"""Fields that every record of a job has."""


@dataclass(frozen=True)
class Chain:
    """All records of a results folder.

    Attributes
    ----------
    store
        Where they are.
    records
        The record of each artifact, which is named relative to the results folder.
    damaged
        The reason for each artifact whose record cannot be trusted.
    runs
        The facts of each run by its id.
    """

    store: Store
    records: Mapping[str, Record]
    damaged: Mapping[str, str]
    runs: Mapping[str, Record]

    def output(self, artifact: str) -> Record:
        """Return what the record of an artifact says of its file."""
        return find_output(self.records[artifact], artifact)

    def place(self, artifact: str) -> Path:
        """Return where an artifact lies."""
        return self.file(self.output(artifact), self.records[artifact])

    def file(self, entry: Record, record: Record) -> Path:
        """Return where the file of an input or output of `record` lies.

        A file outside the results folder was named relative to the folder that its run started
        in. If it is not there, as after a move, the folders of the other runs are tried, the
        latest first, and then the present one.
        """
        name = Path(entry["path"])
        if entry["inside"]:
            return self.store.results / name
        own = self.runs.get(str(record.get("run")), {}).get("folder")
        folders = [*([own] if own else ()), *self._run_folders, "."]
        tried = [Path(folder) / name for folder in folders]
        return next((path for path in tried if path.exists()), tried[0])

    @cached_property
    def _run_folders(self) -> list[str]:
        latest_first = (self.runs[run]["folder"] for run in sorted(self.runs, reverse=True))
        return list(dict.fromkeys(latest_first))

    @cached_property
    def dependants(self) -> Mapping[str, set[str]]:
        """Return for each file the artifacts that were made from it directly."""
        found: dict[str, set[str]] = defaultdict(set)
        for artifact, record in self.records.items():
            for entry in record["inputs"]:
                found[entry["path"]].add(artifact)
        return found

    def downstream(self, files: Iterable[str]) -> tuple[str, ...]:
        """Return every artifact that was made from any of `files`, directly or not."""
        found: set[str] = set()
        waiting = list(files)
        while waiting:
            fresh = self.dependants.get(waiting.pop(), set()) - found
            found |= fresh
            waiting.extend(fresh)
        return tuple(sorted(found))

    def upstream(self, *artifacts: str) -> Iterator[str]:
        """Yield `artifacts` and every recorded artifact that went into them, once each."""
        yield from (name for name in self._reached(artifacts) if name in self.records)

    def leading_to(self, *artifacts: str) -> "Chain":
        """Return only the records that led to `artifacts`."""
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
        """Raise `SrnetError` if a record of the chain is damaged."""
        for name, reason in self.damaged.items():
            raise SrnetError(
                f"the record of {name} cannot be trusted ({reason}); run "
                f"`srnet audit verify {self.store.results}` to see all that it affects"
            )


def read_chain(store: Store) -> Chain:
    """Read all records of a results folder; damaged ones are kept apart."""
    records, damaged, runs = {}, {}, {}
    for artifact in store.artifacts():
        try:
            records[artifact] = _checked(artifact, store.read(store.artifact_path(artifact)))
        except SrnetError as damage:
            damaged[artifact] = str(damage)
    unlike = {name: found for name in records if (found := _unlike_its_job(name, records))}
    sound = {name: record for name, record in records.items() if name not in unlike}
    for path in store.runs():
        # A damaged run is a finding of `verify`; nothing else needs it.
        with suppress(SrnetError):
            runs[path.stem] = store.read_run(path.stem)
    return Chain(store, sound, damaged | unlike, runs)


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


def find_output(record: Record, path: str) -> Record:
    """Return what a record says of one of its outputs."""
    entry: Record = next(entry for entry in record["outputs"] if entry["path"] == path)
    return entry


def _checked(artifact: str, record: Record) -> Record:
    """Return `record` if it is that of `artifact` and matches its own id."""
    whole = _has(record, _RECORD) and all(
        isinstance(entry, dict) and _has(entry, _ENTRY)
        for entry in (*record["inputs"], *record["outputs"])
    )
    if not whole:
        raise SrnetError("it lacks fields of a record")
    if all(entry["path"] != artifact for entry in record["outputs"]):
        raise SrnetError("it is the record of other files")
    if record_id_of(record) != record["id"]:
        raise SrnetError(f"rule, wildcards, params and inputs do not give its id {record['id']}")
    if any(record.get(key) != record["params"].get(key) for key in ("code", "seed")):
        raise SrnetError("its code or seed is not that of its params")
    return record


def _has(values: Record, fields: Mapping[str, type]) -> bool:
    return all(isinstance(values.get(name), kind) for name, kind in fields.items())


def _unlike_its_job(artifact: str, records: Mapping[str, Record]) -> str | None:
    """Say how a record differs from most of those that the same job wrote, if it does."""
    record = records[artifact]
    beside = [entry["path"] for entry in record["outputs"] if entry["path"] in records]
    others = [name for name in beside if records[name] != record]
    if not others or 2 * len(others) < len(beside):
        return None
    return f"it differs from that of {others[0]}, which the same job made"
