"""Why two runs gave different artifacts: settings, code, inputs or environment.

Only original causes are reported: that a network was trained for more epochs, but not that its
predictions and scores therefore differ.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srnet.core.errors import SrnetError
from srnet.provenance.chain import Chain, Record, read_listing

ABSENT = "absent"


@dataclass(frozen=True)
class Difference:
    """One cause.

    Attributes
    ----------
    kind
        setting, code, input, cohort or environment.
    where
        The rule that it acts on, or 'run'.
    what
        The key, source file or input.
    first, second
        Its value in the first and in the second run.
    """

    kind: str
    where: str
    what: str
    first: str
    second: str


@dataclass(frozen=True)
class Comparison:
    """Whether an artifact is the same in two runs, and why not."""

    same: bool
    differences: tuple[Difference, ...]


def compare_runs(first: Chain, second: Chain, artifacts: tuple[str, str]) -> Comparison:
    """Compare an artifact of one run with an artifact of another.

    Parameters
    ----------
    first, second
        The records of either run.
    artifacts
        The artifact in the first and in the second run.
    """
    ours = {name: first.records[name] for name in first.upstream(artifacts[0])}
    theirs = {name: second.records[name] for name in second.upstream(artifacts[1])}
    causes: list[Difference] = []
    for name in sorted(ours.keys() & theirs.keys()):
        causes += _causes(first, second, ours[name], theirs[name])
    for name in sorted(ours.keys() ^ theirs.keys()):
        record = ours.get(name) or theirs[name]
        sides = ("present", ABSENT) if name in ours else (ABSENT, "present")
        causes.append(Difference("cohort", record["rule"], name, *sides))
    same = first.output(artifacts[0])["sha256"] == second.output(artifacts[1])["sha256"]
    distinct = dict.fromkeys(causes)
    return Comparison(same, tuple(sorted(distinct, key=lambda d: (d.kind, d.where, d.what))))


def _causes(first: Chain, second: Chain, a: Record, b: Record) -> Iterator[Difference]:
    """Yield how the settings, inputs, environment and code of one job differ in two runs."""
    rule = a["rule"]
    ours, theirs = ({k: v for k, v in r["params"].items() if k != "code"} for r in (a, b))
    for key, one, other in _unequal(ours, theirs):
        yield Difference("setting", rule, key, one, other)
    for key, one, other in _unequal(_outside(a), _outside(b)):
        yield Difference("input", rule, key, one[:16], other[:16])
    for key, one, other in _unequal(a["environment"], b["environment"]):
        yield Difference("environment", "run", key, one, other)
    if a["threads"] != b["threads"]:
        yield Difference("environment", rule, "threads", str(a["threads"]), str(b["threads"]))
    if a["code"] != b["code"]:
        listings = _listing(first, a["code"]), _listing(second, b["code"])
        for file, one, other in _unequal(*listings):
            yield Difference("code", rule, file, one[:16], other[:16])


def _outside(record: Record) -> dict[str, str]:
    """Return the digests of inputs from outside, such as scans, in whichever folder they are."""
    return {
        f"{entry['name']} {Path(entry['path']).name}": entry["sha256"]
        for entry in record["inputs"]
        if not entry["inside"]
    }


def _listing(chain: Chain, digest: str) -> dict[str, str]:
    """Return the digest of each source file, or the one of the whole code without a listing."""
    if not chain.store.code_path(digest).is_file():
        return {"all source files": digest}
    try:
        return read_listing(chain.store, digest)
    except SrnetError as damage:
        raise SrnetError(f"{damage}; run `srnet audit verify {chain.store.results}`") from None


def _unequal(a: Any, b: Any, key: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield dotted keys whose values differ, with both values as text."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for part in sorted(a.keys() | b.keys()):
            inner = f"{key}.{part}" if key else str(part)
            yield from _unequal(a.get(part, ABSENT), b.get(part, ABSENT), inner)
    elif a != b:
        yield key, _short(a), _short(b)


def _short(value: Any) -> str:
    text = f"{len(value)} items" if isinstance(value, list) and len(value) > 4 else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
