"""Batches of scans: lists that cannot lie, and records as if each scan had been alone."""

import pytest

from srnet.core.errors import ScanRejected
from srnet.core.rejection import read_tombstone
from srnet.provenance.batch import (
    Product,
    read_products,
    run_cohort_job,
    scan_jobs,
    write_products,
)
from srnet.provenance.record import Job
from srnet.provenance.store import Store


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs one stage on a batch of scans in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def stage(batch, scans, reads=(), reject=(), rule="copy", **writes):
        inputs = {"products": [f"results/made/{batch}.tsv"]} if reads else {}
        job = Job(
            results="results",
            rule=rule,
            wildcards={"batch": batch},
            params={"scans": scans, "code": "c"},
            inputs=inputs,
            outputs={"products": [f"results/{rule}/{batch}.tsv"]},
        )
        for one in scan_jobs(job, "job.log", reads, writes):
            with one.run():
                if one.scan in reject:
                    raise ScanRejected(f"{one.scan}: is no CT; take another")
                text = "".join(f"{path} " for path in one.inputs.values())
                for path in one.outputs.values():
                    target = tmp_path / path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_text(f"{one.scan} {text}", encoding="utf-8")
        return tmp_path / "results"

    return stage


def rows(*names):
    return {name: {"files": [], "licence": "CC0-1.0"} for name in names}


def make(run, **how):
    return run("b_0", rows("one", "two"), rule="made", ct="ct/{batch}/{scan}.nii", **how)


def test_a_list_says_what_was_written(tmp_path):
    products = {"s": {"volume": Product("volume/s.nii.gz", "0" * 64)}, "t": {}}
    write_products(tmp_path / "list.tsv", products)
    assert read_products([tmp_path / "list.tsv"]) == {"s": products["s"]}


def test_a_file_that_is_no_list_is_refused(tmp_path, run):
    results = make(run)
    (results / "made/b_0.tsv").write_text("scan\tfile\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"b_0\.tsv: has the columns .*delete it and"):
        run("b_0", ["one"], reads=["ct"], bone="bone/{scan}.nii")


def test_every_scan_has_its_own_record_whatever_its_batch(run):
    results = make(run)
    record = Store(results).read_artifact("ct/b_0/one.nii")
    assert record is not None
    assert record["wildcards"] == {"scan": "one"}
    assert record["params"]["scan"] == {"files": [], "licence": "CC0-1.0"}
    make_again = run("b_01", rows("one"), rule="made", ct="ct/{batch}/{scan}.nii")
    again = Store(make_again).read_artifact("ct/b_01/one.nii")
    assert again is not None
    assert again["id"] == record["id"]


def test_a_stage_hands_on_what_earlier_stages_made(run):
    results = make(run)
    run("b_0", ["one", "two"], reads=["ct"], bone="bone/{scan}.nii")
    products = read_products([results / "copy/b_0.tsv"])
    assert {name: product.path for name, product in products["two"].items()} == {
        "ct": "ct/b_0/two.nii",
        "bone": "bone/two.nii",
    }
    bone = Store(results).read_artifact("bone/two.nii")
    assert bone is not None
    assert [entry["path"] for entry in bone["inputs"]] == ["ct/b_0/two.nii"]
    assert bone["licences"] == ["CC0-1.0"]


def test_a_rejected_scan_leaves_tombstones_and_the_others_go_on(run):
    results = make(run, reject=["one"])
    stone = read_tombstone(results / "ct/b_0/one.nii")
    assert stone is not None
    assert stone["stage"] == "made"
    assert read_tombstone(results / "ct/b_0/two.nii") is None


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_a_product_that_is_not_what_the_list_states_is_refused(run, harm):
    results = make(run)
    product = results / "ct/b_0/two.nii"
    if harm == "changed":
        product.write_text("another volume", encoding="utf-8")
    else:
        product.unlink()
    said = "has SHA-256 .* not .* as the list" if harm == "changed" else "is not there"
    with pytest.raises(SystemExit, match=rf"two\.nii: {said}"):
        run("b_0", ["one", "two"], reads=["ct"], bone="bone/{scan}.nii")


def test_a_scan_that_no_list_names_is_refused(run):
    make(run)
    with pytest.raises(SystemExit, match="no list of products names the ct of scan three"):
        run("b_0", ["three"], reads=["ct"], bone="bone/{scan}.nii")


def test_a_cohort_job_is_given_one_file_a_scan_in_its_own_order(run):
    results = make(run)
    lists = {"products": ["results/made/b_0.tsv"], "split": ["results/made/b_0.tsv"]}
    job = Job("results", "pack", {}, {"code": "c"}, lists, {"set": ["results/set.h5"]})
    with run_cohort_job(job, "job.log", ["two", "one"], ["ct"]) as files:
        assert files["ct"] == ["results/ct/b_0/two.nii", "results/ct/b_0/one.nii"]
        (results / "set.h5").write_text("packed", encoding="utf-8")
    record = Store(results).read_artifact("set.h5")
    assert record is not None
    assert [entry["name"] for entry in record["inputs"]] == ["split", "ct", "ct"]
