"""Export records as a Workflow Run RO-Crate (Provenance Run Crate 0.5).

The crate is a metadata file that refers to artifacts by their digests, and the workflow's own
file, which the profile requires. In the results folder it refers to artifacts as files beside
it. Other files are named by the role in which they were read and by their digest, since a path
differs by machine. https://w3id.org/ro/wfrun/provenance/0.5
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

from rocrate.model import ComputerLanguage, ContextEntity, File
from rocrate.rocrate import ROCrate

from srnet.core.atomic import write_text
from srnet.provenance.chain import Chain, Record
from srnet.provenance.code import ROOT
from srnet.provenance.store import canonical

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
WORKFLOW = "workflow/Snakefile"
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".h5": "application/x-hdf5",
    ".json": "application/json",
    ".md": "text/markdown",
    ".png": "image/png",
    ".tex": "application/x-tex",
    ".tsv": "text/tab-separated-values",
}


def write_crate(chain: Chain, folder: Path, home: Path | None = None) -> None:
    """Write `ro-crate-metadata.json` and the workflow that it refers to into `folder`.

    The files are to lie in `home` in the end, if that is another folder.
    """
    write_text(folder / WORKFLOW, (ROOT / WORKFLOW).read_text(encoding="utf-8"))
    _Crate(chain, home or folder).build().metadata.write(folder)


class _Crate:
    """The crate while it is being built."""

    def __init__(self, chain: Chain, folder: Path) -> None:
        self.chain = chain
        self.beside = folder.resolve() == chain.store.results.resolve()
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_contexts.append(TERMS)

    def build(self) -> ROCrate:
        """Return the finished crate."""
        self._describe_root()
        workflow = self._workflow()
        self._run(workflow, [self._action(record) for record in self.jobs])
        return self.crate

    @cached_property
    def jobs(self) -> list[Record]:
        """Return the record of each job once, of which each of its outputs has a copy."""
        by_job = {(r["rule"], canonical(r["wildcards"])): r for r in self.chain.records.values()}
        return [by_job[key] for key in sorted(by_job)]

    @cached_property
    def rules(self) -> list[str]:
        """Return the rules in the order in which their first jobs ended."""
        return list(dict.fromkeys(r["rule"] for r in sorted(self.jobs, key=lambda r: r["ended"])))

    def _describe_root(self) -> None:
        root = self.crate.root_dataset
        root["name"] = f"Results of srnet in {self.chain.store.results.resolve().name}"
        root["description"] = (
            "Reconstruction of spine CT from two x-rays: artifacts of one results folder, "
            "the jobs that made them and what these read"
        )
        licences = {licence for record in self.jobs for licence in record["licences"]}
        root["license"] = ", ".join(sorted(licences)) or "unknown"
        root["datePublished"] = max(record["ended"] for record in self.jobs)
        root["conformsTo"] = [
            self._entity(address, "CreativeWork", name=name, version=address.rsplit("/", 1)[1])
            for address, name in PROFILES.items()
        ]

    def _entity(self, identifier: str, kind: str | list[str], **properties: Any) -> ContextEntity:
        """Return the entity of that id, which is added on first use."""
        known = self.crate.dereference(identifier)
        if known is not None:
            return known
        entity = self.crate.add(ContextEntity(self.crate, identifier, {"@type": kind}))
        for name, value in properties.items():
            entity[name] = value
        return entity

    def _workflow(self) -> File:
        about = {"name": "Snakemake", "url": "https://snakemake.github.io", "alternateName": "SMK"}
        language = self.crate.add(ComputerLanguage(self.crate, SNAKEMAKE, about))
        kinds = ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]
        workflow = self.crate.add_file(
            dest_path=WORKFLOW, properties={"@type": kinds, "name": "srnet workflow"}
        )
        workflow["programmingLanguage"] = language
        workflow["hasPart"] = [self._tool(rule) for rule in self.rules]
        workflow["step"] = [
            self._entity(
                f"#step/{rule}",
                "HowToStep",
                name=rule,
                position=str(number),
                workExample=self._tool(rule),
            )
            for number, rule in enumerate(self.rules)
        ]
        self.crate.mainEntity = workflow
        return workflow

    def _tool(self, rule: str) -> ContextEntity:
        return self._entity(f"#tool/{rule}", "SoftwareApplication", name=f"srnet {rule}")

    def _action(self, record: Record) -> ContextEntity:
        """Return one job as the run of a tool, and add the step that controlled it."""
        rule, wildcards = record["rule"], "/".join(record["wildcards"].values())
        identifier = f"#job/{rule}/{wildcards}".rstrip("/")
        python = record["environment"]["python"]
        action = self._entity(
            identifier,
            "CreateAction",
            name=f"{rule} {wildcards}".strip(),
            instrument=self._tool(rule),
            object=[self._file(e) for e in record["inputs"]] + self._values(record),
            result=[self._file(e) for e in record["outputs"]],
            startTime=record["started"],
            endTime=record["ended"],
            actionStatus="http://schema.org/CompletedActionStatus",
            resourceUsage=self._usage(identifier, record),
            description=f"record {record['id']}, code {record['code']}, Python {python}",
        )
        self._entity(
            f"#control/{identifier[1:]}",
            "ControlAction",
            name=f"orchestrate {identifier[1:]}",
            instrument=self.crate.dereference(f"#step/{rule}"),
            object=action,
        )
        return action

    def _usage(self, action: str, record: Record) -> list[ContextEntity]:
        measured = {"wall_s": "second", "peak_memory_mb": "megabyte", "threads": "thread"}
        return [
            self._entity(
                f"#usage/{action[1:]}/{name}",
                "PropertyValue",
                name=name,
                propertyID=f"urn:srnet:{name}",
                value=str(record[name]),
                unitText=unit,
            )
            for name, unit in measured.items()
        ]

    def _values(self, record: Record) -> list[ContextEntity]:
        """Return the params of a job; equal ones of a rule share an entity."""
        found = []
        for name, value in record["params"].items():
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            key = f"{record['rule']}/{name}"
            parameter = self._entity(
                f"#parameter/{key}", "FormalParameter", name=name, additionalType="PropertyValue"
            )
            identifier = f"#value/{key}/{hashlib.sha256(text.encode()).hexdigest()[:12]}"
            facts = {"name": name, "value": text, "exampleOfWork": parameter}
            found.append(self._entity(identifier, "PropertyValue", **facts))
        return found

    def _file(self, entry: Record) -> ContextEntity:
        """Return the entity of an input or output, as a file only if it is beside the crate."""
        facts = {"sha256": entry["sha256"], "contentSize": str(entry["bytes"])}
        if not entry["inside"]:
            name = f"{entry['name']}/{entry['sha256'][:16]}"
            return self._entity(f"#outside/{name}", "CreativeWork", name=name, **facts)
        name = entry["path"]
        if not (self.beside and (self.chain.store.results / name).is_file()):
            return self._entity(f"#artifact/{name}", "CreativeWork", name=name, **facts)
        known = self.crate.dereference(name)
        if known is not None:
            return known
        kind = MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
        facts |= {"name": name, "encodingFormat": kind}
        return self.crate.add_file(dest_path=name, properties=facts)

    def _run(self, workflow: File, actions: list[ContextEntity]) -> None:
        """Add the run of the whole workflow, and of the engine that organised it."""
        read = {e["path"]: e for r in self.jobs for e in r["inputs"]}
        made = {e["path"]: e for r in self.jobs for e in r["outputs"]}
        spans = {
            "startTime": min(record["started"] for record in self.jobs),
            "endTime": max(record["ended"] for record in self.jobs),
        }
        run = self._entity(
            "#run",
            "CreateAction",
            name="run of the srnet workflow",
            instrument=workflow,
            object=[self._file(e) for path, e in read.items() if path not in made],
            result=[self._file(e) for path, e in made.items() if path not in read],
            actionStatus="http://schema.org/CompletedActionStatus",
            **spans,
        )
        engine = self._entity("#engine", "SoftwareApplication", name="Snakemake")
        controls = [self.crate.dereference(f"#control/{action.id[1:]}") for action in actions]
        self._entity(
            "#organise",
            "OrganizeAction",
            name="orchestration by Snakemake",
            instrument=engine,
            object=controls,
            result=run,
            **spans,
        )
        self.crate.root_dataset["mentions"] = [run, *actions]
