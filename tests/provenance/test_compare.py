"""`srnet audit diff` names the causes of a difference, and not what follows from them."""

import json

import pytest

from srnet.commands.main import main


@pytest.fixture
def second(pipeline, tmp_path, monkeypatch):
    """Return how to run the chain once more, with changes, in a folder of its own."""

    def run(change=None, **params):
        folder = tmp_path / "second"
        (folder / "scans").mkdir(parents=True)
        for scan in (pipeline.folder / "scans").iterdir():
            (folder / "scans" / scan.name).write_bytes(scan.read_bytes())
        if change:
            change(folder)
        monkeypatch.chdir(folder)
        return type(pipeline)(folder, **params).run()

    return run


def diff(capsys, first, second) -> tuple[int, dict]:
    status = main(["audit", "diff", str(first), str(second), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_equal_runs_are_equal(pipeline, second, capsys):
    status, found = diff(capsys, pipeline.run(), second())
    assert status == 0
    assert found["same"]
    assert found["differences"] == []


def test_a_changed_setting_is_named_once_with_both_values(pipeline, second, capsys):
    status, found = diff(capsys, pipeline.run(), second(epochs=24))
    assert status == 1
    (cause,) = found["differences"]
    expected = {"kind": "setting", "where": "train", "what": "train.epochs"}
    assert cause == expected | {"first": "12", "second": "24"}


def test_a_changed_scan_is_named(pipeline, second, capsys):
    def other_patient(folder):
        (folder / "scans/b.nii.gz").write_text("another patient", encoding="utf-8")

    _, found = diff(capsys, pipeline.run(), second(other_patient))
    assert {d["kind"] for d in found["differences"]} == {"input"}
    assert any("b.nii.gz" in d["what"] for d in found["differences"])


def test_changed_code_is_named_by_file(pipeline, second, capsys, monkeypatch):
    first = pipeline.run()

    from srnet.provenance import code as digest

    real = digest._source_digest
    digest.code_digest.cache_clear()
    edited = "project_drr.py"
    monkeypatch.setattr(
        digest, "_source_digest", lambda p: "0" * 64 if p.name == edited else real(p)
    )
    other = second()
    digest.code_digest.cache_clear()
    _, found = diff(capsys, first, other)
    files = {d["what"] for d in found["differences"] if d["kind"] == "code"}
    assert files == {"workflow/scripts/project_drr.py", "srnet/prepare/project_drr.py"}


def test_the_text_says_which_are_different(pipeline, second, capsys):
    assert main(["audit", "diff", str(pipeline.run()), str(second(epochs=24))]) == 1
    printed = capsys.readouterr().out
    assert "train.epochs: 12 -> 24" in printed
    assert "table1.csv and table1.csv are different" in printed
