"""Verify, explain, compare and export the provenance of a results folder."""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from srnet.core.atomic import scratch_folder, write_text
from srnet.core.errors import SrnetError
from srnet.provenance.chain import read_chain
from srnet.provenance.compare import compare_runs
from srnet.provenance.explain import explain, explain_json, mermaid, scans_of, tree_lines
from srnet.provenance.lock import lock_text
from srnet.provenance.store import find_store
from srnet.provenance.verify import AuditFinding, verify

_SHOWN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the four subcommands."""
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    check = tasks.add_parser(
        "verify", help="compare all files with their records, back to scans and code"
    )
    check.add_argument("results", type=Path, help="results folder, or an artifact in it")
    check.add_argument("--json", action="store_true", help="print the findings as JSON, in full")
    tell = tasks.add_parser("explain", help="how one artifact was made, as a tree")
    tell.add_argument("artifact", type=Path, help="such as results/table1.csv")
    form = tell.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="every record behind it, as JSON")
    form.add_argument("--mermaid", action="store_true", help="a Mermaid flow chart")
    why = tasks.add_parser("diff", help="why an artifact differs between two runs")
    why.add_argument("first", type=Path, help="results folder, or an artifact in it")
    why.add_argument("second", type=Path, help="another one")
    why.add_argument("--json", action="store_true", help="print the differences as JSON")
    give = tasks.add_parser("export", help="a Workflow Run RO-Crate and provenance.lock.json")
    give.add_argument("results", type=Path, help="results folder")
    give.add_argument("--out", type=Path, help="folder to write to; default: the results folder")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; return 1 if `verify` or `diff` found a difference."""
    return _TASKS[args.task](args)


def _verify(args: argparse.Namespace) -> int:
    verdict = verify(args.results)
    if args.json:
        print(json.dumps(asdict(verdict), indent=1))
    else:
        for finding in verdict.findings:
            _print_finding(finding)
        print(
            f"{args.results}: {verdict.artifacts} artifacts and {verdict.sources} files from "
            f"outside, {verdict.bytes / 1e6:.1f} MB: "
            + (f"{len(verdict.findings)} findings" if verdict.findings else "all as recorded")
        )
        for folder in verdict.apart:
            print(f"not checked: {folder}, the results folder of another run")
    return 1 if verdict.findings else 0


def _print_finding(finding: AuditFinding) -> None:
    print(f"{finding.kind:8} {finding.path}: {finding.reason}")
    if finding.dependants:
        shown = ", ".join(finding.dependants[:_SHOWN])
        more = len(finding.dependants) - _SHOWN
        print(f"{'':8} affects {shown}" + (f" and {more} more (see --json)" if more > 0 else ""))


def _explain(args: argparse.Namespace) -> int:
    store, artifact = find_store(args.artifact)
    chain = read_chain(store)
    chain.leading_to(artifact).require_sound()
    node = explain(chain, artifact)
    if args.json:
        print(explain_json(chain, artifact))
    elif args.mermaid:
        print(mermaid(node))
    else:
        print("\n".join(tree_lines(node)))
        _print_scans(scans_of(chain, artifact))
    return 0


def _print_scans(scans: list[Mapping[str, Any]]) -> None:
    """Print the scans by source and licence."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for scan in scans:
        groups[scan["source"], scan["licence"]].append(scan)
    for (source, licence), rows in groups.items():
        patients = len({row["patient_id"] for row in rows})
        print(f"\n{len(rows)} scans of {patients} patients, source {source}, licence {licence}:")
        print("  " + " ".join(str(row["scan_id"]) for row in rows))


def _diff(args: argparse.Namespace) -> int:
    (ours, one), (theirs, other) = (find_store(path) for path in (args.first, args.second))
    names = tuple("table1.csv" if name == "." else name for name in (one, other))
    chains = read_chain(ours), read_chain(theirs)
    for chain, name in zip(chains, names, strict=True):
        chain.leading_to(name).require_sound()
        explain(chain, name)
    found = compare_runs(*chains, artifacts=(names[0], names[1]))
    if args.json:
        print(json.dumps(asdict(found), indent=1))
        return 0 if found.same else 1
    for cause in found.differences:
        print(f"{cause.kind:12} {cause.where:16} {cause.what}: {cause.first} -> {cause.second}")
    print(f"{names[0]} and {names[1]} are " + ("equal" if found.same else "different"))
    if not found.same and not found.differences:
        print("no cause is recorded: a step in the chain is not reproducible")
    return 0 if found.same else 1


def _export(args: argparse.Namespace) -> int:
    # Only this task needs the RO-Crate library.
    from srnet.provenance.crate import write_crate

    store, name = find_store(args.results)
    if name != ".":
        raise SrnetError(f"{args.results} is a file of {store.results}; export the whole folder")
    folder = args.out or args.results
    chain = read_chain(store)
    chain.require_sound()
    with scratch_folder(folder / "crate") as scratch:
        write_text(scratch / "provenance.lock.json", lock_text(chain))
        write_crate(chain, scratch, folder)
        for file in filter(Path.is_file, sorted(scratch.rglob("*"))):
            target = folder / file.relative_to(scratch)
            target.parent.mkdir(exist_ok=True)
            file.replace(target)
    print(f"{folder}: provenance.lock.json and ro-crate-metadata.json")
    return 0


_TASKS: dict[str, Callable[[argparse.Namespace], int]] = {
    "verify": _verify,
    "explain": _explain,
    "diff": _diff,
    "export": _export,
}
