"""A small recorded chain: scans, volumes, x-rays, a data set, a model, a table.

The jobs only copy bytes about, but they are recorded as those of the pipeline
are, by the same functions and with real scripts for code.
"""

import hashlib
from pathlib import Path

import pytest

from srnet.core.stamp import record_id
from srnet.provenance import claim
from srnet.provenance.claim import Run, start_run
from srnet.provenance.code import ROOT, code_digest, code_listing
from srnet.provenance.record import Job, recorded

SCRIPTS = ROOT / "workflow" / "scripts"
LICENCES = {"a": "CC0-1.0", "b": "CC0-1.0", "c": "CC-BY-4.0"}
SCANS = tuple(LICENCES)
TEMPORARY = {"acquire": ["ct"]}


class Pipeline:
    """The chain over three scans in `folder/scans`, into `folder/results`."""

    def __init__(self, folder: Path, **params):
        self.folder = folder
        self.results = folder / "results"
        self.params = {"epochs": 12, **params}
        self.code = dict[str, dict[str, str]]()

    def run(self) -> Path:
        """Run all jobs as one run and return the results folder."""
        rules = ("acquire", "project_drr", "pack_dataset", "train", "make_table")
        self.code = {
            code_digest(SCRIPTS / f"{rule}.py"): code_listing(SCRIPTS / f"{rule}.py")
            for rule in rules
        }
        start_run(self.results, Run("engine 1", self.params, TEMPORARY, self.code))
        for scan in SCANS:
            self.prepare(scan)
        xrays = [f"drr/{scan}/{view}.png" for scan in SCANS for view in ("ap", "lateral")]
        self.job("pack_dataset", {"drr": xrays}, {"dataset": ["dataset/train.h5"]})
        model = {
            "model": ["models/x2ct/model.safetensors"],
            "history": ["models/x2ct/history.csv"],
        }
        train = {"epochs": self.params["epochs"]}
        self.job("train", {"train": ["dataset/train.h5"]}, model, {"method": "x2ct"}, train=train)
        self.job("make_table", {"model": model["model"]}, {"csv": ["table1.csv"]})
        for temporary in (self.results / "ct").iterdir():
            temporary.unlink()
        claim._held.clear()
        return self.results

    def prepare(self, scan: str) -> None:
        wildcards = {"scan": scan}
        row = {"scan_id": scan, "patient_id": scan, "source": "folder"}
        row["licence"] = LICENCES[scan]
        ct = {"ct": [f"ct/{scan}.nii.gz"]}
        files = {"files": [f"../scans/{scan}.nii.gz"]}
        self.job("acquire", files, ct, wildcards, scan=row | self.paths(files))
        views = {"ap": [f"drr/{scan}/ap.png"], "lateral": [f"drr/{scan}/lateral.png"]}
        self.job("project_drr", ct, views, wildcards)

    def job(self, rule, inputs, outputs, wildcards=None, **params) -> str:
        """Write the digest of what was read to every output, and record it."""
        code = code_digest(SCRIPTS / f"{rule}.py")
        job = Job(
            results=str(self.results),
            rule=rule,
            wildcards=wildcards or {},
            params={**params, "code": code},
            inputs=self.paths(inputs),
            outputs=self.paths(outputs),
        )
        with recorded(job) as record:
            read = b"".join(Path(p).read_bytes() for paths in job.inputs.values() for p in paths)
            text = f"{record_id()} {hashlib.sha256(read).hexdigest()} "
            for name, paths in job.outputs.items():
                for path in map(Path, paths):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(f"{text}{name} {'x' * 100}\n", encoding="utf-8")
        return record

    def paths(self, files):
        """Return files under the results folder; `..` leads out of it."""
        return {
            name: [str((self.results / path).resolve()) for path in paths]
            for name, paths in files.items()
        }


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """Return the chain, not yet run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SRNET_RUN", raising=False)
    (tmp_path / "scans").mkdir()
    for scan in SCANS:
        (tmp_path / f"scans/{scan}.nii.gz").write_bytes(scan.encode() * 50)
    yield Pipeline(tmp_path)
    claim._held.clear()


@pytest.fixture
def recorded_results(pipeline):
    """Return the results folder of a finished run."""
    return pipeline.run()
