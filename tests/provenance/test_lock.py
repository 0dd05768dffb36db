"""`provenance.lock.json` is equal for equal runs and names nothing of the machine."""

import json
import shutil

import pytest

from srnet.commands.main import main
from srnet.provenance.chain import read_chain
from srnet.provenance.lock import lock_text
from srnet.provenance.record import Job, recorded
from srnet.provenance.store import Store


@pytest.fixture
def twice(pipeline, tmp_path, monkeypatch):
    """Return the results of two equal runs in two folders."""
    first = pipeline.run()
    other = tmp_path / "on another machine"
    other.mkdir()
    shutil.copytree(tmp_path / "scans", other / "scans")
    monkeypatch.chdir(other)
    return first, type(pipeline)(other).run()


def test_equal_runs_have_equal_locks_without_a_path_of_their_machine(twice, tmp_path):
    first, second = (lock_text(read_chain(Store(results))) for results in twice)
    assert first == second
    assert str(tmp_path) not in first
    assert "scans" not in first


def test_every_kept_artifact_is_locked_with_what_went_in(recorded_results):
    locked = json.loads(lock_text(read_chain(Store(recorded_results))))["artifacts"]
    records = Store(recorded_results).artifacts()
    assert set(locked) == {name for name in records if not name.startswith("ct/")}
    assert set(locked["table1.csv"]["inputs"]) == {"models/x2ct/model.safetensors"}


def test_a_product_outside_is_named_by_the_job_that_made_it(tmp_path):
    product = tmp_path / "downloads/scan.zip"
    product.parent.mkdir()
    product.write_text("downloaded", encoding="utf-8")
    results = tmp_path / "results"
    with recorded(Job(str(results), "download", {"scan": "a"}, {}, {}, {"file": [str(product)]})):
        pass
    locked = json.loads(lock_text(read_chain(Store(results))))["artifacts"]
    assert list(locked) == ["outside/download/a/file"]


def test_params_name_inputs_from_outside_by_their_role(tmp_path, monkeypatch):
    """A record therefore has the same id wherever the scans are."""
    ids = []
    for place in ("here", "there"):
        scan = tmp_path / place / "scan.nii.gz"
        scan.parent.mkdir()
        scan.write_text("a scan", encoding="utf-8")
        out = tmp_path / "results/ct.nii.gz"
        params = {"scan": {"files": (str(scan),)}, "seed": 1}
        job = Job(
            str(out.parent), "acquire", {}, params, {"files": [str(scan)]}, {"ct": [str(out)]}
        )
        with recorded(job) as record:
            out.write_text("a volume", encoding="utf-8")
        ids.append(record)
    assert ids[0] == ids[1]


@pytest.mark.parametrize("where", ["beside", "elsewhere"])
def test_the_crate_names_no_path_of_the_machine(recorded_results, tmp_path, where, capsys):
    out = recorded_results if where == "beside" else tmp_path / "crate"
    assert main(["audit", "export", str(recorded_results), "--out", str(out)]) == 0
    text = (out / "ro-crate-metadata.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert "file:" not in text
    assert main(["audit", "verify", str(recorded_results)]) == 0
    capsys.readouterr()
