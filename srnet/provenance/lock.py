"""A lock of a results folder: small, sorted, made to be committed and diffed.

It says which artifacts a commit stands for without holding them: paths,
digests, rules, settings and inputs, and nothing that differs between two runs
with the same result. What lies outside the results folder is named by what it
was made or read as, since its path belongs to one machine.
"""

import json
from collections.abc import Mapping
from typing import Any

from srnet.provenance.chain import Chain

VERSION = 2


def lock_text(chain: Chain) -> str:
    """Return the lock of all artifacts that were kept, as JSON."""
    kept = {name: chain.output(name) for name in chain.records}
    artifacts = {
        _name(chain, name): _entry(chain, name)
        for name, output in kept.items()
        if not output.get("temporary")
    }
    locked = {"version": VERSION, "artifacts": artifacts}
    return json.dumps(locked, indent=1, sort_keys=True) + "\n"


def _name(chain: Chain, artifact: str) -> str:
    """Return the path of an artifact, or of one outside the job that made it."""
    record, output = chain.records[artifact], chain.output(artifact)
    if output["inside"]:
        return artifact
    return "/".join(["outside", record["rule"], *record["wildcards"].values(), output["name"]])


def _outside(record: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the digests of what a job read from outside, in order, by name."""
    found: dict[str, list[str]] = {}
    for entry in record["inputs"]:
        if not entry["inside"]:
            found.setdefault(entry["name"], []).append(entry["sha256"])
    return found


def _entry(chain: Chain, name: str) -> dict[str, Any]:
    record, output = chain.records[name], chain.output(name)
    return {
        "bytes": output["bytes"],
        "sha256": output["sha256"],
        "rule": record["rule"],
        "wildcards": record["wildcards"],
        "record": record["id"],
        "code": record["code"],
        "environment": record["environment"]["lock_sha256"],
        "inputs": {e["path"]: e["sha256"] for e in record["inputs"] if e["inside"]},
        "outside": _outside(record),
        "licences": record["licences"],
    }
