"""A lock of a results folder: a small sorted text to commit and compare.

It names the artifacts of a commit without holding them: paths, digests, rules, settings and
inputs, and nothing that differs between two runs with the same result. A file outside the results
folder is named by the role in which a job wrote or read it, since its path differs by machine.
"""

import json
from typing import Any

from srnet.provenance.chain import Chain

VERSION = 2


def lock_text(chain: Chain) -> str:
    """Return the lock of all artifacts that were kept, as JSON."""
    artifacts = {
        _name(chain, name): _entry(chain, name)
        for name in chain.records
        if not chain.output(name).get("temporary")
    }
    locked = {"version": VERSION, "artifacts": artifacts}
    return json.dumps(locked, indent=1, sort_keys=True) + "\n"


def _name(chain: Chain, artifact: str) -> str:
    """Return the path of an artifact, or the job that wrote it if it is outside the folder."""
    record, output = chain.records[artifact], chain.output(artifact)
    if output["inside"]:
        return artifact
    return "/".join(["outside", record["rule"], *record["wildcards"].values(), output["name"]])


def _entry(chain: Chain, name: str) -> dict[str, Any]:
    record, output = chain.records[name], chain.output(name)
    outside: dict[str, list[str]] = {}
    for entry in record["inputs"]:
        if not entry["inside"]:
            outside.setdefault(entry["name"], []).append(entry["sha256"])
    return {
        "bytes": output["bytes"],
        "sha256": output["sha256"],
        "rule": record["rule"],
        "wildcards": record["wildcards"],
        "record": record["id"],
        "code": record["code"],
        "environment": record["environment"]["lock_sha256"],
        "inputs": {e["path"]: e["sha256"] for e in record["inputs"] if e["inside"]},
        "outside": outside,
        "licences": record["licences"],
    }
