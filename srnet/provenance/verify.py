"""Compare all files with their records, back to the scans and the code."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from srnet.core.atomic import is_partial
from srnet.core.digest import Content, read_content
from srnet.core.errors import SrnetError
from srnet.provenance.chain import Chain, Record, find_output, read_chain, read_listing
from srnet.provenance.code import source_digest
from srnet.provenance.store import FOLDER, contents, find_store, is_results

BY_PRODUCTS = (
    f"{FOLDER}/*",
    "logs/*",
    "benchmarks/*",
    "models/*/tensorboard/*",
    "models/*/resume.*",
    *(f"{stage}/*.tsv" for stage in ("ct", "bone", "volume", "drr")),
    "*/.snakemake_timestamp",
    "ro-crate-metadata.json",
    "provenance.lock.json",
    "workflow/Snakefile",
)
"""Files that a run leaves beside its artifacts, which no result depends on and no job records."""

_THREADS = 4


@dataclass(frozen=True)
class AuditFinding:
    """One difference between files and records.

    Attributes
    ----------
    kind
        changed, lost, added, stale, code or record.
    path
        The artifact or record (relative to the results folder), scan or source file.
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
    """What was checked and which differences were found.

    Attributes
    ----------
    artifacts, sources, bytes
        Number of artifacts and of files from outside, and the size of all together.
    findings
        The differences.
    apart
        Results folders of other runs inside this one, which were not checked.
    """

    artifacts: int
    sources: int
    bytes: int
    findings: tuple[AuditFinding, ...]
    apart: tuple[str, ...] = ()


Places = Mapping[str, Path]
Seen = Mapping[Path, Content | None]


def verify(path: str | Path) -> Verdict:
    """Check the artifacts of a results folder, their inputs and their code.

    If `path` is an artifact, or a folder within the results, only it and what it was made from
    are checked. Several files are read at a time.

    Raises
    ------
    SrnetError
        If there is no record of `path`.
    """
    store, name = find_store(path)
    chain = read_chain(store)
    whole = name == "."
    if not whole:
        known = (*chain.records, *chain.damaged)
        chain = chain.leading_to(*(n for n in known if n == name or n.startswith(f"{name}/")))
    if not chain.records and not chain.damaged:
        raise SrnetError(
            f"{path}: {store.folder}/artifacts holds no records of it; "
            "give a folder that a run has written, or an artifact in it"
        )
    places = {n: chain.place(n) for n in chain.records}
    sources = _sources(chain)
    files = {*places.values(), *(source.place for source in sources)}
    with ThreadPoolExecutor(_THREADS) as pool:
        seen = dict(zip(files, pool.map(read_content, files), strict=True))
    findings = (
        *_damaged_records(chain),
        *_missing_records(chain),
        *_changed_runs(chain, whole),
        *_changed_artifacts(chain, places, seen),
        *_changed_sources(chain, sources, seen),
        *_stale_artifacts(chain, places, seen),
        *_changed_code(chain, whole),
        *(_added_files(chain) if whole else ()),
    )
    outside = len({s.place for s in sources if s.entry["path"] not in chain.damaged})
    total = sum(look.bytes for look in seen.values() if look)
    apart = tuple(
        path.relative_to(store.results).as_posix()
        for path in sorted(contents(store.results))
        if path.is_dir() and is_results(path)
    )
    return Verdict(len(chain.records), outside, total, findings, apart)


@dataclass(frozen=True)
class _OutsideFile:
    """A file from outside as some jobs read it."""

    entry: Record
    place: Path
    readers: set[str]


def _sources(chain: Chain) -> list[_OutsideFile]:
    """Return the inputs without a record of their own, each version of them once."""
    found: dict[tuple[str, str, Path], _OutsideFile] = {}
    for artifact, record in chain.records.items():
        for entry in record["inputs"]:
            if entry["path"] not in chain.records:
                place = chain.file(entry, record)
                key = entry["path"], entry["sha256"], place
                found.setdefault(key, _OutsideFile(entry, place, set())).readers.add(artifact)
    return list(found.values())


def _difference(expected: Record, seen: Content | None) -> tuple[str, str, str] | None:
    """Return the kind of difference, the path and the reason, or None where there is none."""
    if seen is None:
        return "lost", expected["path"], "the file is missing"
    if seen.sha256 == expected["sha256"]:
        return None
    files = expected.get("files", {})
    unequal = sorted(
        n for n in files.keys() | seen.files.keys() if files.get(n) != seen.files.get(n)
    )
    which = f"{len(unequal)} of its files differ, such as {unequal[0]}: " if unequal else ""
    reason = (
        f"{which}sha256 is {seen.sha256[:16]}... of {seen.bytes} bytes, "
        f"was {expected['sha256'][:16]}... of {expected['bytes']} bytes"
    )
    return "changed", expected["path"], reason


def _damaged_records(chain: Chain) -> Iterator[AuditFinding]:
    for name, reason in chain.damaged.items():
        yield AuditFinding("record", name, reason, chain.downstream([name]))


def _unrecorded(chain: Chain) -> dict[str, str]:
    """Return each artifact whose record is gone, with another one that the same job made."""
    known = {*chain.records, *chain.damaged}
    return {
        entry["path"]: name
        for name, record in chain.records.items()
        for entry in record["outputs"]
        if entry["path"] not in known and not chain.store.artifact_path(entry["path"]).exists()
    }


def _missing_records(chain: Chain) -> Iterator[AuditFinding]:
    """Find records that were removed, alone or together with their artifact."""
    for name, beside in _unrecorded(chain).items():
        record = chain.records[beside]
        there = chain.file(find_output(record, name), record).exists()
        what = "its record is missing" if there else "file and record are missing"
        reason = f"{what}; the job that made it also made {beside}"
        kind = "record" if there else "lost"
        yield AuditFinding(kind, name, reason, chain.downstream([name]))


def _changed_runs(chain: Chain, whole: bool) -> Iterator[AuditFinding]:
    """Find damaged facts of runs that made something, or of any run in a whole folder."""
    made_by: dict[str, list[str]] = defaultdict(list)
    for name, record in chain.records.items():
        if record.get("run") is not None:
            made_by[str(record["run"])].append(name)
    others = {path.stem for path in chain.store.runs()} if whole else set()
    for run in sorted({*made_by, *others} - chain.runs.keys()):
        yield _damaged(chain, chain.store.run_path(run), made_by[run])


def _damaged(chain: Chain, path: Path, made: Iterable[str]) -> AuditFinding:
    """Return what is wrong with the facts of a run or a list of source files."""
    try:
        chain.store.read(path)
        reason = "its content is not what its name stands for"
    except SrnetError as damage:
        reason = str(damage)
    name = path.relative_to(chain.store.results).as_posix()
    return AuditFinding("record", name, reason, tuple(made))


def _changed_artifacts(chain: Chain, places: Places, seen: Seen) -> Iterator[AuditFinding]:
    for name, place in places.items():
        expected = chain.output(name)
        difference = _difference(expected, seen[place])
        if difference and not (expected.get("temporary") and seen[place] is None):
            yield AuditFinding(*difference, chain.downstream([name]))


def _changed_sources(
    chain: Chain, sources: Iterable[_OutsideFile], seen: Seen
) -> Iterator[AuditFinding]:
    """Compare inputs from outside, such as scans, with what jobs read."""
    for source in sources:
        difference = _difference(source.entry, seen[source.place])
        if difference:
            made = sorted(source.readers | set(chain.downstream(source.readers)))
            yield AuditFinding(*difference, tuple(made))


def _stale_artifacts(chain: Chain, places: Places, seen: Seen) -> Iterator[AuditFinding]:
    """Find artifacts that were made from an earlier version of another one."""
    for name, record in chain.records.items():
        if seen[places[name]] is None and not chain.output(name).get("temporary"):
            continue  # It is reported as lost.
        renewed = [
            entry["path"]
            for entry in record["inputs"]
            if entry["path"] in chain.records
            and chain.output(entry["path"])["sha256"] != entry["sha256"]
        ]
        if renewed:
            reason = f"made from another version of {', '.join(renewed)}"
            yield AuditFinding("stale", name, reason, chain.downstream([name]))


def _changed_code(chain: Chain, whole: bool) -> Iterator[AuditFinding]:
    """Compare the source files behind each code digest with those of today."""
    made_by: dict[str, list[str]] = defaultdict(list)
    for name, record in chain.records.items():
        made_by[str(record["code"])].append(name)
    edited: dict[tuple[str, str], set[str]] = defaultdict(set)
    others = {path.stem for path in chain.store.listings()} if whole else set()
    for digest in sorted({*made_by, *others}):
        made, path = made_by[digest], chain.store.code_path(digest)
        if not path.is_file():
            yield AuditFinding("code", digest, "its source files are not listed", tuple(made))
            continue
        try:
            listing = read_listing(chain.store, digest)
        except SrnetError:
            yield _damaged(chain, path, made)
            continue
        for file, expected in listing.items() if made else ():
            now = source_digest(file)
            if now != expected:
                how = "is missing" if now is None else "was edited"
                edited[file, how].update(made)
    for (file, how), made_from_it in sorted(edited.items()):
        everything = sorted(made_from_it | set(chain.downstream(made_from_it)))
        yield AuditFinding("code", file, f"{how} since it ran", tuple(everything))


def _added_files(chain: Chain) -> Iterator[AuditFinding]:
    results = chain.store.results
    recorded = {*chain.records, *chain.damaged, *_unrecorded(chain)}
    for path in sorted(contents(results)):
        name = path.relative_to(results).as_posix()
        by_product = is_partial(name) or any(fnmatch(name, pattern) for pattern in BY_PRODUCTS)
        folder = path.is_dir() and not path.is_symlink()
        if not folder and not by_product and name not in recorded:
            yield AuditFinding("added", name, "no job recorded it", chain.downstream([name]))
