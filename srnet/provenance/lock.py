"""A lock of a results folder: small, sorted, made to be committed and diffed.

It says which artifacts a commit stands for without holding them: paths,
digests, rules, settings and inputs, and nothing that differs between two runs
with the same result.
"""

import json
from typing import Any

from srnet.provenance.chain import Chain

__all__ = ["lock_text"]

VERSION = 1


def lock_text(chain: Chain) -> str:
    """Return the lock of all artifacts that were kept, as JSON."""
    kept = {name: chain.output(name) for name in chain.records}
    artifacts = {
        name: _entry(chain, name) for name, output in kept.items() if not output["temporary"]
    }
    locked = {"version": VERSION, "artifacts": artifacts}
    return json.dumps(locked, indent=1, sort_keys=True) + "\n"


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
        "inputs": {entry["path"]: entry["sha256"] for entry in record["inputs"]},
        "licences": record["licences"],
    }
