"""Why two runs gave different artifacts: settings, code, inputs or environment.

Only causes are reported. That a score differs because its prediction does is
no cause; that the prediction's network was trained for more epochs is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srnet.core.errors import SrnetError
from srnet.provenance.chain import Chain, read_listing

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
        Its value in either run.
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


def compare(first: Chain, second: Chain, artifacts: tuple[str, str]) -> Comparison:
    """Compare an artifact of one run with one of another.

    Parameters
    ----------
    first, second
        The records of either run.
    artifacts
        The artifact in the first and in the second run.
    """
    ours = {name: first.records[name] for name in first.upstream(artifacts[0])}
    theirs = {name: second.records[name] for name in second.upstream(artifacts[1])}
    found: dict[Difference, None] = {}
    for name in sorted(ours.keys() & theirs.keys()):
        pair = ours[name], theirs[name]
        for difference in (*_settings(*pair), *_inputs(*pair), *_environment(*pair)):
            found.setdefault(difference)
        for difference in _code(first, second, *pair):
            found.setdefault(difference)
    for name in sorted(ours.keys() ^ theirs.keys()):
        found.setdefault(_one_sided(name, ours, theirs))
    same = first.output(artifacts[0])["sha256"] == second.output(artifacts[1])["sha256"]
    return Comparison(same, tuple(sorted(found, key=lambda d: (d.kind, d.where, d.what))))


def _settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    ours, theirs = ({k: v for k, v in r["params"].items() if k != "code"} for r in (a, b))
    for key, one, other in _unequal(ours, theirs):
        yield Difference("setting", a["rule"], key, one, other)


def _environment(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    for key, one, other in _unequal(a["environment"], b["environment"]):
        yield Difference("environment", "run", key, one, other)
    if a["threads"] != b["threads"]:
        counts = str(a["threads"]), str(b["threads"])
        yield Difference("environment", a["rule"], "threads", *counts)


def _inputs(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    """Compare what went in from outside, such as the files of a scan, wherever it lay."""
    ours, theirs = (
        {
            f"{e['name']} {Path(e['path']).name}": e["sha256"]
            for e in r["inputs"]
            if not e["inside"]
        }
        for r in (a, b)
    )
    for key, one, other in _unequal(ours, theirs):
        yield Difference("input", a["rule"], key, one[:16], other[:16])


def _code(
    first: Chain, second: Chain, a: Mapping[str, Any], b: Mapping[str, Any]
) -> Iterator[Difference]:
    if a["code"] == b["code"]:
        return
    ours, theirs = _listing(first, a["code"]), _listing(second, b["code"])
    for file, one, other in _unequal(ours, theirs):
        yield Difference("code", a["rule"], file, one[:16], other[:16])


def _listing(chain: Chain, digest: str) -> dict[str, str]:
    """Return source file -> digest, or the digest alone where no listing is left."""
    if not chain.store.code_path(digest).is_file():
        return {"all source files": digest}
    try:
        return read_listing(chain.store, digest)
    except SrnetError as damage:
        raise SrnetError(f"{damage}; run `srnet audit verify {chain.store.results}`") from None


def _one_sided(
    name: str, ours: Mapping[str, Mapping[str, Any]], theirs: Mapping[str, Mapping[str, Any]]
) -> Difference:
    record = ours.get(name) or theirs[name]
    sides = ("present", ABSENT) if name in ours else (ABSENT, "present")
    return Difference("cohort", record["rule"], name, *sides)


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
