"""Every change of the records themselves is a finding, and the other checks go on."""

import json
import random
import shutil
from pathlib import Path

import pytest

from srnet.commands.main import main
from srnet.core.errors import SrnetError
from srnet.provenance.store import Store
from srnet.provenance.verify import verify

TABLE = "table1.csv"
MODEL = "models/x2ct/model.safetensors"
HISTORY = "models/x2ct/history.csv"
DATASET = "dataset/train.h5"
XRAY = "drr/a/ap.png"


def found(results) -> dict[str, str]:
    return {finding.path: finding.kind for finding in verify(results).findings}


def record_of(results: Path, artifact: str) -> Path:
    return Store(results).artifact_path(artifact)


def reseal(path: Path, change) -> None:
    """Change a record as somebody who knows how it is sealed."""
    values = json.loads(path.read_text(encoding="utf-8"))
    del values["seal"]
    change(values)
    Store(path.parent).write(path, values)


def only(folder: Path) -> Path:
    return next(folder.glob("*.json"))


def test_params_edited_and_sealed_again_do_not_give_the_id(recorded_results):
    def longer(record):
        record["params"]["train"]["epochs"] = 200

    reseal(record_of(recorded_results, MODEL), longer)
    assert found(recorded_results)[MODEL] == "record"


@pytest.mark.parametrize("key", ["rule", "wildcards", "code"])
def test_what_the_id_is_a_digest_of_cannot_be_edited(recorded_results, key):
    values = {"rule": "predict", "wildcards": {"scan": "z"}, "code": "0" * 16}
    reseal(record_of(recorded_results, TABLE), lambda record: record.update({key: values[key]}))
    assert found(recorded_results) == {TABLE: "record"}


def test_a_code_listing_sealed_again_does_not_give_its_digest(recorded_results):
    listing = only(recorded_results / "provenance/code")

    def leave_one_out(values):
        values["files"].popitem()

    reseal(listing, leave_one_out)
    assert found(recorded_results) == {f"provenance/code/{listing.name}": "record"}


@pytest.mark.parametrize("folder", ["code", "runs"])
@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seal": 1}', "\0"])
def test_a_damaged_listing_or_run_is_named_and_the_rest_still_looked_at(
    recorded_results, folder, text
):
    damaged = only(recorded_results / "provenance" / folder)
    damaged.write_text(text, encoding="utf-8")
    (recorded_results / TABLE).write_text("changed as well", encoding="utf-8")
    expected = {f"provenance/{folder}/{damaged.name}": "record", TABLE: "changed"}
    assert found(recorded_results) == expected


def test_an_edited_and_a_removed_run_are_named_with_what_they_made(recorded_results):
    run = only(recorded_results / "provenance/runs")
    name = f"provenance/runs/{run.name}"
    run.write_text(
        run.read_text(encoding="utf-8").replace('"epochs": 12', '"epochs": 99'), encoding="utf-8"
    )
    assert found(recorded_results) == {name: "record"}
    run.unlink()
    (finding,) = verify(recorded_results).findings
    assert (finding.kind, finding.path) == ("record", name)
    assert TABLE in finding.dependants


def test_a_record_that_differs_from_that_of_the_same_job_is_named(recorded_results):
    reseal(record_of(recorded_results, HISTORY), lambda record: record.update(host="elsewhere"))
    assert found(recorded_results)[HISTORY] == "record"


def test_of_three_copies_of_a_record_the_one_that_differs_is_named(pipeline):
    results = pipeline.run()
    tables = {kind: [f"table2.{kind}"] for kind in ("csv", "md", "tex")}
    pipeline.job("make_table", {"model": [MODEL]}, tables)
    reseal(record_of(results, "table2.md"), lambda record: record.update(host="elsewhere"))
    assert found(results) == {"table2.md": "record"}


def test_an_artifact_removed_with_its_record_is_missed_by_those_beside_it(recorded_results):
    for path in (recorded_results / HISTORY, record_of(recorded_results, HISTORY)):
        path.unlink()
    (finding,) = verify(recorded_results).findings
    assert (finding.kind, finding.path) == ("lost", HISTORY)
    assert MODEL in finding.reason


def test_a_removed_record_is_missed_by_those_beside_it(recorded_results):
    record_of(recorded_results, HISTORY).unlink()
    assert found(recorded_results) == {HISTORY: "record"}


def test_a_file_added_with_a_copied_record_is_named(recorded_results):
    (recorded_results / "extra.csv").write_text("mine", encoding="utf-8")
    shutil.copy(record_of(recorded_results, TABLE), record_of(recorded_results, "extra.csv"))
    assert found(recorded_results) == {"extra.csv": "record"}


@pytest.mark.parametrize("values", [[], {}, {"inputs": 3}, {"outputs": [1], "inputs": []}])
def test_a_record_replaced_by_something_else_is_named(recorded_results, values):
    path = record_of(recorded_results, TABLE)
    path.write_text(json.dumps(values), encoding="utf-8")
    assert found(recorded_results) == {TABLE: "record"}
    if isinstance(values, dict):
        Store(recorded_results).write(path, values)
        assert found(recorded_results) == {TABLE: "record"}


def test_added_links_are_named_wherever_they_lead(recorded_results):
    (recorded_results / "broken").symlink_to("nowhere")
    (recorded_results / "drr/linked").symlink_to(recorded_results.parent / "scans")
    (recorded_results / "file").symlink_to(recorded_results / TABLE)
    assert found(recorded_results) == dict.fromkeys(("broken", "drr/linked", "file"), "added")


def test_only_what_is_half_written_passes_for_it(recorded_results):
    half = recorded_results / ".0a1b2c3d.partial.export"
    half.mkdir()
    (half / "model.json").write_text("half of a folder", encoding="utf-8")
    (recorded_results / "drr/.0a1b2c3d.partial.ap.png").write_text(
        "half of a file", encoding="utf-8"
    )
    (recorded_results / "table2.partial.csv").write_text("mine", encoding="utf-8")
    assert found(recorded_results) == {"table2.partial.csv": "added"}


def test_a_flip_anywhere_in_provenance_is_found(recorded_results):
    draw = random.Random(2)
    files = sorted((recorded_results / "provenance").rglob("*.json"))
    for _ in range(100):
        path = draw.choice(files)
        whole = path.read_bytes()
        data = bytearray(whole)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(data)
        assert verify(recorded_results).findings, path
        path.write_bytes(whole)


@pytest.mark.parametrize("task", ["explain", "diff", "export"])
def test_commands_refuse_a_chain_with_a_damaged_record(recorded_results, capsys, task):
    record_of(recorded_results, DATASET).write_text("[]", encoding="utf-8")
    subject = recorded_results / TABLE if task == "explain" else recorded_results
    others = [str(recorded_results)] if task == "diff" else []
    assert main(["audit", task, str(subject), *others]) == 2
    said = capsys.readouterr().err
    assert DATASET in said
    assert f"run `srnet audit verify {recorded_results}`" in said
    assert not (recorded_results / "provenance.lock.json").exists()


def test_a_chain_is_explained_though_another_is_damaged(recorded_results, capsys):
    record_of(recorded_results, TABLE).write_text("[]", encoding="utf-8")
    assert main(["audit", "explain", str(recorded_results / MODEL)]) == 0
    capsys.readouterr()


def test_one_artifact_can_be_verified_alone(recorded_results):
    (recorded_results / TABLE).write_text("changed", encoding="utf-8")
    (recorded_results / "added.csv").write_text("mine", encoding="utf-8")
    (recorded_results / "drr/a/lateral.png").write_text("changed", encoding="utf-8")
    assert found(recorded_results / XRAY) == {}
    assert found(recorded_results / "drr/b") == {}
    assert found(recorded_results / MODEL) == {"drr/a/lateral.png": "changed"}
    with pytest.raises(SrnetError, match=r"added\.csv: .*holds no records of it"):
        verify(recorded_results / "added.csv")
