"""Rehash everything and walk every chain up to scans and code."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from srnet.errors import SrnetError
from srnet.provenance.chain import Chain, read_chain
from srnet.provenance.digest import file_digest, source_digest
from srnet.provenance.store import FOLDER, Store

__all__ = ["Finding", "Verdict", "verify"]

BY_PRODUCTS = (
    f"{FOLDER}/*",
    "logs/*",
    "benchmarks/*",
    "models/*/tensorboard/*",
    "models/*/resume.*",
    "ro-crate-metadata.json",
    "provenance.lock.json",
    "*.partial.*",
)
"""What a run leaves beside its artifacts; it decides nothing and is not recorded."""

_THREADS = 4


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold.

    Attributes
    ----------
    kind
        changed, lost, added, stale, code or record.
    path
        The artifact (relative to the results folder), scan or source file.
    reason
        What was expected and what was found.
    dependants
        Artifacts made from it, directly or not.
    """

    kind: str
    path: str
    reason: str
    dependants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What was checked and what does not hold."""

    artifacts: int
    sources: int
    bytes: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Seen:
    """A file as it is now; the digest is None where there is no file."""

    sha256: str | None
    bytes: int


def verify(results: str | Path) -> Verdict:
    """Check all artifacts of a results folder, their inputs and their code.

    Files are read as streams, several at a time.

    Raises
    ------
    SrnetError
        If the folder holds no records.
    """
    store = Store(results)
    chain = read_chain(store)
    if not chain.records and not chain.damaged:
        raise SrnetError(
            f"{results} holds no records in {FOLDER}/artifacts; "
            "give a folder that a run has written"
        )
    outside = {e["path"]: e for e in _inputs(chain) if e["path"] not in chain.records}
    entries = {**outside, **{name: chain.output(name) for name in chain.records}}
    with ThreadPoolExecutor(_THREADS) as pool:
        seen = dict(
            zip(entries, pool.map(lambda e: _look(chain.file(e)), entries.values()), strict=True)
        )
    findings = (
        *_damaged_records(chain),
        *_changed_artifacts(chain, seen),
        *_changed_sources(chain, seen),
        *_stale_artifacts(chain),
        *_changed_code(chain),
        *_added_files(chain),
    )
    total = sum(look.bytes for look in seen.values())
    return Verdict(len(chain.records), len(outside), total, findings)


def _inputs(chain: Chain) -> Iterator[Mapping[str, Any]]:
    return (entry for record in chain.records.values() for entry in record["inputs"])


def _look(path: Path) -> _Seen:
    if not path.is_file():
        return _Seen(None, 0)
    return _Seen(file_digest(path), path.stat().st_size)


def _compare(expected: Mapping[str, Any], seen: _Seen) -> tuple[str, str, str] | None:
    """Return the kind of difference, the path and the reason, or None where there is none."""
    if seen.sha256 is None:
        return "lost", expected["path"], "the file is missing"
    if seen.sha256 == expected["sha256"]:
        return None
    return (
        "changed",
        expected["path"],
        f"sha256 is {seen.sha256[:16]}... of {seen.bytes} bytes, "
        f"was {expected['sha256'][:16]}... of {expected['bytes']} bytes",
    )


def _damaged_records(chain: Chain) -> Iterator[Finding]:
    for name, reason in chain.damaged.items():
        yield Finding("record", name, reason, tuple(chain.downstream([name])))


def _changed_artifacts(chain: Chain, seen: Mapping[str, _Seen]) -> Iterator[Finding]:
    for name in chain.records:
        expected = chain.output(name)
        difference = _compare(expected, seen[name])
        if difference and not (expected["temporary"] and seen[name].sha256 is None):
            yield Finding(*difference, tuple(chain.downstream([name])))


def _changed_sources(chain: Chain, seen: Mapping[str, _Seen]) -> Iterator[Finding]:
    """Check what went in from outside, such as scans, as it was when it was read."""
    expected = {(e["path"], e["sha256"]): e for e in _inputs(chain)}
    for (name, digest), entry in expected.items():
        if name in chain.records:
            continue
        difference = _compare(entry, seen[name])
        if difference:
            readers = {
                artifact
                for artifact in chain.dependants[name]
                for e in chain.records[artifact]["inputs"]
                if (e["path"], e["sha256"]) == (name, digest)
            }
            made = sorted(readers | set(chain.downstream(readers)))
            yield Finding(*difference, tuple(made))


def _stale_artifacts(chain: Chain) -> Iterator[Finding]:
    """Find what was made from an artifact that has since been made anew."""
    for name, record in chain.records.items():
        renewed = [
            entry["path"]
            for entry in record["inputs"]
            if entry["path"] in chain.records
            and chain.output(entry["path"])["sha256"] != entry["sha256"]
        ]
        if renewed:
            reason = f"made from another version of {', '.join(renewed)}"
            yield Finding("stale", name, reason, tuple(chain.downstream([name])))


def _changed_code(chain: Chain) -> Iterator[Finding]:
    """Compare the source files behind each code digest with those of today."""
    made_by: dict[str, list[str]] = {}
    for name, record in chain.records.items():
        made_by.setdefault(str(record["code"]), []).append(name)
    edited: dict[tuple[str, str], set[str]] = {}
    for digest, made in made_by.items():
        listing = chain.store.code_path(digest)
        if not listing.is_file():
            yield Finding("code", digest, "its source files are not on record", tuple(made))
            continue
        for file, expected in chain.store.read(listing)["files"].items():
            now = source_digest(file)
            if now != expected:
                how = "is missing" if now is None else "was edited"
                edited.setdefault((file, how), set()).update(made)
    for (file, how), made_from_it in sorted(edited.items()):
        made = sorted(made_from_it | set(chain.downstream(made_from_it)))
        yield Finding("code", file, f"{how} since it ran", tuple(made))


def _added_files(chain: Chain) -> Iterator[Finding]:
    results = chain.store.results
    recorded = {*chain.records, *chain.damaged}
    for path in sorted(results.rglob("*")):
        name = path.relative_to(results).as_posix()
        expected = name in recorded or any(fnmatch(name, pattern) for pattern in BY_PRODUCTS)
        if path.is_file() and not expected:
            yield Finding("added", name, "no job recorded it", tuple(chain.downstream([name])))
