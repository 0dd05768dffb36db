"""A record says everything that decides a result, and everything that was so by chance."""

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from srnet.core.digest import file_digest
from srnet.core.errors import ScanRejected, SrnetError
from srnet.core.rejection import record_rejection
from srnet.core.stamp import record_id
from srnet.provenance.environment import git_state
from srnet.provenance.record import Job, recorded
from srnet.provenance.store import Store, find_store
from srnet.provenance.verify import verify

MODEL = "models/x2ct/model.safetensors"


def read(results, artifact: str) -> dict:
    record = Store(results).read_artifact(artifact)
    assert record is not None
    return record


def test_every_output_has_a_record_with_size_and_digest(recorded_results):
    for artifact in Store(recorded_results).artifacts():
        record = read(recorded_results, artifact)
        entry = next(e for e in record["outputs"] if e["path"] == artifact)
        if not entry["temporary"]:
            assert entry["sha256"] == file_digest(recorded_results / artifact)
            assert entry["bytes"] == (recorded_results / artifact).stat().st_size


def test_a_record_names_rule_params_code_commit_environment_and_circumstances(recorded_results):
    record = read(recorded_results, MODEL)
    assert record["rule"] == "train"
    assert record["wildcards"] == {"method": "x2ct"}
    assert record["params"]["train"] == {"epochs": 12}
    assert record["inputs"][0]["path"] == "dataset/train.h5"
    assert len(record["inputs"][0]["sha256"]) == 64
    assert record["git"].keys() == {"commit", "dirty"}
    assert len(record["environment"]["lock_sha256"]) == 64
    assert record["peak_memory_mb"] > 10
    assert datetime.fromisoformat(record["started"]) <= datetime.fromisoformat(record["ended"])
    for key in ("host", "job", "threads", "wall_s", "seed", "run"):
        assert key in record


def test_the_environment_of_a_torch_job_names_torch_and_its_determinism(recorded_results):
    import torch

    from srnet.provenance.environment import environment

    found = environment()
    assert found["torch"] == torch.__version__
    assert found["determinism"]["deterministic_algorithms"] in (True, False)
    del recorded_results


def test_licences_travel_down_the_chain(recorded_results):
    assert read(recorded_results, "drr/a/ap.png")["licences"] == ["CC0-1.0"]
    assert read(recorded_results, "table1.csv")["licences"] == ["CC-BY-4.0", "CC0-1.0"]


def test_the_id_stands_in_the_artifact(recorded_results):
    record = read(recorded_results, MODEL)
    assert (recorded_results / MODEL).read_text(encoding="utf-8").startswith(record["id"])
    assert record_id() == ""


def test_the_same_job_has_the_same_id_and_bytes_anywhere(pipeline, tmp_path, monkeypatch):
    recorded_results = pipeline.run()
    again = tmp_path / "again"
    again.mkdir()
    (recorded_results.parent / "scans").rename(again / "scans")
    monkeypatch.chdir(again)
    second = type(pipeline)(again).run()
    assert read(second, "table1.csv")["id"] == read(recorded_results, "table1.csv")["id"]
    assert (second / "table1.csv").read_bytes() == (recorded_results / "table1.csv").read_bytes()


@pytest.mark.parametrize("change", [{"params": {"epochs": 13}}, {"wildcards": {"scan": "b"}}])
def test_whatever_decides_the_result_changes_the_id(tmp_path, change):
    plain = {"rule": "r", "wildcards": {"scan": "a"}, "params": {"epochs": 12}}
    ids = []
    for values in (plain, plain | change):
        (tmp_path / "out").write_text("x", encoding="utf-8")
        job = Job(str(tmp_path), inputs={}, outputs={"out": [str(tmp_path / "out")]}, **values)
        with recorded(job) as record:
            ids.append(record)
    assert ids[0] != ids[1]


@pytest.fixture
def checkout(tmp_path):
    """Return a git repository with one commit."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "file").write_text("text", encoding="utf-8")
    name = ("-c", "user.name=n", "-c", "user.email=e")
    for words in (("init", "-q"), ("add", "."), (*name, "commit", "-q", "-m", "First")):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    return folder


def test_the_commit_is_named_with_whether_files_differ(checkout):
    clean = git_state(checkout)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (checkout / "file").write_text("edited", encoding="utf-8")
    assert git_state(checkout) == clean | {"dirty": True}


def test_a_release_unpacked_in_another_checkout_has_no_commit(checkout):
    release = checkout / "srnet-1.0"
    release.mkdir()
    assert git_state(release) == {"commit": None, "dirty": None}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a checkout to another user")
def test_the_checkout_of_another_user_is_read(checkout):
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, 1234, 1234)
    assert git_state(checkout)["dirty"] is False


def test_a_failed_job_leaves_no_record(tmp_path):
    job = Job(str(tmp_path), "r", {}, {}, {}, {"out": [str(tmp_path / "out")]})
    with pytest.raises(RuntimeError), recorded(job):
        raise RuntimeError
    assert Store(tmp_path).artifacts() == []


def test_a_rejected_scan_is_recorded_with_its_reason(tmp_path):
    out = str(tmp_path / "out")
    with (
        recorded(Job(str(tmp_path), "r", {}, {}, {}, {"out": [out]})),
        record_rejection([out], "r"),
    ):
        raise ScanRejected("scan.nii.gz: no voxels; remove it")
    assert "no voxels" in read(tmp_path, "out")["rejected"]


@pytest.mark.parametrize("place", ["absolute", "relative", "above"])
def test_a_product_outside_the_results_is_recorded_and_verified(tmp_path, monkeypatch, place):
    results = tmp_path / "work" / "results"
    results.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    name = {"absolute": f"{tmp_path}/scan.zip", "relative": "raw/scan.zip", "above": "../scan.zip"}
    product = Path(name[place])
    product.parent.mkdir(exist_ok=True)
    product.write_text("downloaded", encoding="utf-8")
    with recorded(Job(str(results), "download", {}, {}, {}, {"file": [str(product)]})):
        pass
    assert Store(results).artifacts() == [str(product)]
    product.write_text("tampered", encoding="utf-8")
    assert (str(product), "changed") in {(f.path, f.kind) for f in verify(results).findings}


def test_a_folder_outside_any_results_is_refused(tmp_path):
    with pytest.raises(SrnetError, match="in no results folder"):
        find_store(tmp_path)


def test_the_run_keeps_command_settings_and_packages(recorded_results):
    (run,) = (recorded_results / "provenance/runs").glob("*.json")
    facts = json.loads(run.read_text(encoding="utf-8"))
    assert facts["packages"]["torch"].startswith("2.")
    assert facts["config"]["epochs"] == 12
    assert facts["engine"] == "engine 1"
