"""How one artifact was made from scans, as a tree, a flow chart or JSON.

A cohort has hundreds of scans, each with its own volume and x-rays. Artifacts that one rule made
in the same way are therefore one node, named by a pattern such as `volume/{scan}.nii.gz`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from srnet.core.errors import SrnetError
from srnet.provenance.chain import Chain


@dataclass(frozen=True)
class Node:
    """Artifacts that one rule made under one output name.

    Attributes
    ----------
    pattern
        Their path, with wildcards in braces if there are several.
    artifacts
        Their paths.
    rule
        The rule, or 'input' for files that no rule made.
    facts
        Record, code, commit and duration, on one line.
    inputs
        What they were made from.
    """

    pattern: str
    artifacts: tuple[str, ...]
    rule: str
    facts: str
    inputs: tuple["Node", ...]


def explain(chain: Chain, artifact: str) -> Node:
    """Return the chain of `artifact`, or raise `SrnetError` if it has no record."""
    if artifact not in chain.records:
        known = ", ".join(sorted(chain.records)[:5])
        raise SrnetError(
            f"{artifact} has no record in {chain.store.folder}; "
            f"recorded artifacts are {known}, ..."
        )
    return _node(chain, (artifact,), {})


def _node(chain: Chain, artifacts: tuple[str, ...], known: dict[tuple[str, ...], Node]) -> Node:
    if artifacts in known:
        return known[artifacts]
    groups: dict[tuple[str, str], set[str]] = {}
    for artifact in artifacts:
        for entry in chain.records.get(artifact, {"inputs": ()})["inputs"]:
            groups.setdefault(_kind(chain, entry["path"]), set()).add(entry["path"])
    known[artifacts] = Node(
        pattern=_pattern(chain, artifacts),
        artifacts=artifacts,
        rule=_kind(chain, artifacts[0])[0],
        facts=_facts(chain, artifacts),
        inputs=tuple(_node(chain, tuple(sorted(group)), known) for group in groups.values()),
    )
    return known[artifacts]


def _kind(chain: Chain, artifact: str) -> tuple[str, str]:
    """Return the rule and output name of an artifact."""
    if artifact not in chain.records:
        return "input", ""
    return str(chain.records[artifact]["rule"]), str(chain.output(artifact)["name"])


def _pattern(chain: Chain, artifacts: tuple[str, ...]) -> str:
    first = artifacts[0]
    if len(artifacts) == 1:
        return first
    if first not in chain.records:
        return f"{first} and {len(artifacts) - 1} more"
    for name, value in chain.records[first]["wildcards"].items():
        first = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"{{{name}}}", first)
    # The folder of a batch is no wildcard of a scan's record.
    columns = zip(*(name.split("/") for name in artifacts), strict=False)
    parts = [
        part if "{" in part or len(set(column)) == 1 else "*"
        for part, column in zip(first.split("/"), columns, strict=False)
    ]
    return f"{'/'.join(parts)} x {len(artifacts)}"


def _facts(chain: Chain, artifacts: tuple[str, ...]) -> str:
    records = [chain.records[name] for name in artifacts if name in chain.records]
    if not records:
        return "from outside"
    first = records[0]
    commit = (first["git"]["commit"] or "no commit")[:10] + ("+" if first["git"]["dirty"] else "")
    wall = sum(record["wall_s"] for record in records)
    single = f"record {first['id']}, " if len(records) == 1 else ""
    return f"{first['rule']}: {single}code {first['code']}, commit {commit}, {wall:.1f} s"


def tree_lines(node: Node) -> Iterator[str]:
    """Yield the chain as lines of a tree; the inputs of a node are listed only once."""
    yield f"{node.pattern}  [{node.facts}]"
    yield from _branches(node, "", set())


def _branches(node: Node, margin: str, shown: set[tuple[str, ...]]) -> Iterator[str]:
    for number, child in enumerate(node.inputs):
        last = number == len(node.inputs) - 1
        corner, deeper = ("└─ ", "   ") if last else ("├─ ", "│  ")
        again = child.artifacts in shown and child.inputs
        text = "(above)" if again else f"[{child.facts}]"
        yield f"{margin}{corner}{child.pattern}  {text}"
        if not again:
            shown.add(child.artifacts)
            yield from _branches(child, margin + deeper, shown)


def mermaid(node: Node) -> str:
    """Return the chain as a Mermaid flow chart, scans on top."""
    nodes = _nodes(node)
    numbers = {artifacts: number for number, artifacts in enumerate(nodes)}
    lines = [
        f'    n{numbers[one.artifacts]}["{one.pattern}<br/>{one.rule}"]' for one in nodes.values()
    ]
    arrows = [
        f"    n{numbers[inner.artifacts]} --> n{numbers[one.artifacts]}"
        for one in nodes.values()
        for inner in one.inputs
    ]
    return "\n".join(["flowchart TD", *lines, *arrows])


def _nodes(node: Node) -> dict[tuple[str, ...], Node]:
    found = {node.artifacts: node}
    for child in node.inputs:
        found |= _nodes(child)
    return found


def scans_of(chain: Chain, artifact: str) -> list[Mapping[str, Any]]:
    """Return the rows of all scans that went into an artifact, sorted by id."""
    records = (chain.records[name] for name in chain.upstream(artifact))
    rows = {
        record["params"]["scan"]["scan_id"]: record["params"]["scan"]
        for record in records
        if "scan" in record["params"]
    }
    return [rows[name] for name in sorted(rows)]


def explain_json(chain: Chain, artifact: str) -> str:
    """Return every record behind an artifact as JSON."""
    records = {name: chain.records[name] for name in sorted(chain.upstream(artifact))}
    found = {"artifact": artifact, "scans": scans_of(chain, artifact), "records": records}
    return json.dumps(found, indent=1, sort_keys=True)
