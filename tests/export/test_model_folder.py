"""A model folder is what its manifest says, and nothing in it is unpickled."""

import json
import pickle
import shutil
from pathlib import Path

import pytest

from srnet.commands.main import main
from srnet.core.errors import SrnetError
from srnet.export.export_model import export_model, find_run
from srnet.export.model_folder import MODEL_FILES, open_model, write_manifest
from srnet.provenance.store import Store


@pytest.fixture
def folder(small_run, tmp_path) -> Path:
    return Path(shutil.copytree(small_run.model, tmp_path / "model"))


class Bomb:
    """Would leave a file behind if anything unpickled it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_an_exported_model_holds_exactly_the_listed_files(folder):
    assert {path.name for path in folder.iterdir()} == set(MODEL_FILES)
    assert open_model(folder).method == "x2ct"


def test_licences_are_those_that_the_run_recorded(small_run, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(small_run.results, results)
    assert "unknown" in (small_run.model / "LICENCES.md").read_text(encoding="utf-8")
    scans = [
        {"scan_id": f"s{number}", "licence": "CC0-1.0" if number % 2 else "CC-BY-4.0"}
        for number in range(9)
    ]
    store = Store(results)
    store.write(store.artifact_path("split.tsv"), {"params": {"scans": scans}})
    export_model(find_run(results), tmp_path / "model")
    cohort = json.loads((tmp_path / "model" / "cohort.json").read_text(encoding="utf-8"))
    assert cohort["training_licences"] == {"CC-BY-4.0": 3, "CC0-1.0": 3}
    assert "3 scans: CC-BY-4.0" in (tmp_path / "model" / "LICENCES.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_changed_byte_is_found(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(SrnetError, match=r"copy the|is not listed|export"):
        open_model(folder)


def test_a_missing_file_is_named(folder):
    (folder / "statistics.json").unlink()
    with pytest.raises(SrnetError, match=r"statistics\.json: is missing"):
        open_model(folder)


@pytest.mark.parametrize("name", ["extra.json", "model.pt", "model.safetensors"])
def test_a_pickle_is_refused_and_never_run(folder, tmp_path, name):
    mark = tmp_path / "ran"
    (folder / name).write_bytes(pickle.dumps(Bomb(mark)))
    (folder / "manifest.json").unlink()
    write_manifest(folder)
    with pytest.raises(SrnetError, match="may be a pickle"):
        open_model(folder)
    assert not mark.exists()


def test_a_foreign_file_is_refused(folder):
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(SrnetError, match=r"notes\.txt: is not listed"):
        open_model(folder)


def test_what_is_no_model_folder_is_said_so_on_one_line(small_run, tmp_path, capsys):
    ap, lateral = map(str, small_run.films("s7"))
    arguments = ["--ap", ap, "--lateral", lateral, "--out", str(tmp_path / "out")]
    assert main(["reconstruct", *arguments, "--model", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "no model folder; make one with srnet export" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_export_is_reproducible_and_names_nobody(small_run, tmp_path):
    export_model(find_run(small_run.results, "x2ct"), tmp_path / "again")
    for name in MODEL_FILES:
        content = (tmp_path / "again" / name).read_bytes()
        assert content == (small_run.model / name).read_bytes()
        assert b"s3" not in content or name.endswith(("safetensors", "manifest.json"))


def test_the_card_and_the_reference_stand_on_the_runs_own_numbers(small_run):
    metrics = json.loads((small_run.model / "metrics.json").read_text(encoding="utf-8"))
    cohort = json.loads((small_run.model / "cohort.json").read_text(encoding="utf-8"))
    assert cohort["scans"] == {"train": 6, "validation": 1, "test": 2}
    assert metrics["reprojection"]["scans"] == 2
    psnr = metrics["scores"]["x2ct"]["PSNR"]
    assert f"{psnr:.4g}" in (small_run.model / "README.md").read_text(encoding="utf-8")
    assert "unknown" in (small_run.model / "LICENCES.md").read_text(encoding="utf-8")


def test_an_unknown_method_is_named_with_the_known_ones(small_run, tmp_path, capsys):
    target = str(tmp_path / "model")
    assert main(["export", str(small_run.results), target, "--method", "sit"]) == 2
    assert "one of x2ct" in capsys.readouterr().err
