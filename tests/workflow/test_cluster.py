"""The pipeline through the queue of a real SLURM, started by the test on loopback.

`make test-cluster` runs this. It needs slurmctld, slurmd and the client
programs (Debian: slurmctld slurmd slurm-client), no root and no accounts.
"""

import dataclasses
import json
import os
import shutil
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import yaml
from loopback_slurm import LoopbackSlurm  # type: ignore[import-not-found]
from safetensors.torch import load_file

COHORT = {"sources": [{"kind": "phantom", "count": 5, "spacing_mm": 4.0}]}
CONFIG = {
    "size": 32,
    "width": 0.125,
    "gpus": 1,
    "cohort": COHORT,
    "split": {"validation_fraction": 0.34, "test_fraction": 0.34},
    "train": {"epochs": 1, "batch_size": 1, "device": "cpu"},
    "methods": {"first": {"net": {"name": "x2ct"}}, "second": {"net": {"name": "x2ct"}}},
    "tables": {"table1": ["first", "second"]},
}
STAGES = ("acquire", "separate_bone", "resample_volume", "project_drr")
# Smaller bundles than the rules': more jobs for the queue to order.
GROUPS = (f"{stage}={stage}" for stage in STAGES)
SLURM = (
    *("--workflow-profile", "slurm", "--jobs", "6", "--cores", "4", "--latency-wait", "10"),
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"),
    *("--groups", *GROUPS),
)
TABLE = "results/table1.csv"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("slurmctld") is None or "SRNET_CLUSTER" not in os.environ,
        reason="needs slurmctld and SRNET_CLUSTER=1; make test-cluster sets it",
    ),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    slurm = LoopbackSlurm(tmp_path_factory.mktemp("slurm"))
    try:
        slurm.start()
    except TimeoutError as error:
        pytest.skip(f"SLURM does not start on this machine: {error}")
    else:
        yield slurm
    finally:
        slurm.stop()


@pytest.fixture(scope="module")
def on_cluster(project, cluster):
    """Return the project with a PATH on which the programs of the test's SLURM come first."""
    return dataclasses.replace(project, variables=cluster.environment)


def workplace(folder: Path, config: dict) -> Path:
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


def records(folder: Path, rule: str) -> list[dict]:
    files = (folder / "results/provenance/artifacts").rglob("*.json")
    found = (json.loads(path.read_text(encoding="utf-8")) for path in files)
    return [record for record in found if record["rule"] == rule]


def no_two_at_once(found: list[dict]) -> bool:
    """Tell whether jobs on the same scan follow each other; each has several outputs."""
    jobs = {(r["rule"], r["wildcards"]["scan"], r["job"]): r for r in found}.values()
    spans = sorted((r["wildcards"]["scan"], r["started"], r["ended"]) for r in jobs)
    return all(
        scan != after or ended <= started
        for (scan, _, ended), (after, started, _) in pairwise(spans)
    )


@pytest.fixture(scope="module")
def finished(on_cluster, cluster, tmp_path_factory):
    """Run the whole chain through the queue, once."""
    folder = workplace(tmp_path_factory.mktemp("chain"), CONFIG)
    on_cluster.snakemake(*SLURM, "--", TABLE, folder=folder)
    return folder


def test_the_chain_runs_through_the_queue(on_cluster, cluster, finished):
    done = [state for _, state in cluster.jobs()]
    assert done.count("COMPLETED") >= 30
    status, said = on_cluster.srnet("audit", "verify", "results", folder=finished)
    assert status == 0, said


def test_records_name_the_slurm_job(finished, cluster):
    known = {number for number, _ in cluster.jobs()}
    assert {record["job"] for record in records(finished, "evaluate")} <= known


def test_gpu_jobs_take_turns_on_the_one_gpu(finished):
    jobs = {record["job"]: record for record in records(finished, "train")}
    first, second = sorted(jobs.values(), key=lambda record: record["started"])
    assert datetime.fromisoformat(first["ended"]) <= datetime.fromisoformat(second["started"])
    assert first["resources"]["gpu"] == 1


def test_jobs_are_given_what_the_profile_asks_for(finished, cluster):
    """Cores, memory in MB and GPU of a training, and the threads that it works with.

    A node claims more cores than the machine may have; threads are bounded by the latter.
    """
    threads = min(4, len(os.sched_getaffinity(0)))
    for record in records(finished, "train"):
        assert cluster.granted(record["job"]) == ("4", "16000M", "gres:gpu:1")
        assert record["threads"] == threads
    (split, *_) = records(finished, "split_cohort")
    assert cluster.granted(split["job"]) == ("1", "4000M", None)


def test_two_nodes_train_what_two_processes_do(on_cluster, cluster, finished):
    """The same steps on the same scans, by gradients that met over the network."""
    net = {"name": "x2ct"}
    methods = {
        "apart": {"net": net, "train": {"nodes": 2}},
        "together": {"net": net, "train": {"processes": 2}},
    }
    weights = [f"results/models/{method}/model.safetensors" for method in methods]
    given = (
        *("--set-threads", "train=1", "--set-resources", "train:nodes=2", "train:tasks=2"),
        *("--config", "gpus=0"),
    )
    workplace(finished, CONFIG | {"methods": methods, "tables": {"table1": list(methods)}})
    on_cluster.snakemake(*SLURM, *given, "--", weights[0], folder=finished)
    on_cluster.snakemake(
        "--cores", "2", "--set-threads", "train=2", "--", weights[1], folder=finished
    )
    workplace(finished, CONFIG)
    apart, together = (load_file(finished / file) for file in weights)
    assert apart.keys() == together.keys()
    assert all(torch.equal(apart[name], together[name]) for name in apart)


def test_a_failing_job_is_reported_with_its_log(on_cluster, finished):
    (finished / "broken.npz").write_text("no weights", encoding="utf-8")
    config = CONFIG | {"evaluate": {"lpips_weights": "broken.npz"}}
    workplace(finished, config)
    target = "results/scores/all_zero.tsv"
    said = on_cluster.snakemake(
        *SLURM, "--retries", "0", "--", target, folder=finished, check=False
    )
    workplace(finished, CONFIG)
    assert "results/logs/evaluate/all_zero.log" in said
    assert "broken.npz" in (finished / "results/logs/evaluate/all_zero.log").read_text(
        encoding="utf-8"
    )


def test_a_killed_engine_recovers_without_duplicates(on_cluster, cluster, tmp_path):
    """Jobs that are in the queue when the engine dies never meet those of the next run."""
    folder = workplace(tmp_path, CONFIG)
    before = len(cluster.jobs())
    process = on_cluster.start(*SLURM, "--", "results/split.tsv", folder=folder)
    while len(cluster.jobs()) < before + 4:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.5)
    process.kill()
    process.communicate()
    on_cluster.snakemake(*SLURM, "--", "results/split.tsv", folder=folder)
    status, said = on_cluster.srnet("audit", "verify", "results", folder=folder)
    assert status == 0, said
    assert no_two_at_once(records(folder, "acquire") + records(folder, "project_drr"))
    latest = max((folder / "results/provenance/runs").glob("*.json")).stem
    assert {record["run"] for record in records(folder, "split_cohort")} == {latest}
