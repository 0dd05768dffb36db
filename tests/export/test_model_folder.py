"""A model folder is what its manifest says, and nothing in it is unpickled."""

import json
import pickle
import shutil
from pathlib import Path

import pytest

from srnet.clinical.reconstruct_films import reconstruct
from srnet.commands.main import main
from srnet.core.errors import SrnetError
from srnet.export.export_model import export_model, find_run
from srnet.export.model_folder import MODEL_FILES, open_model, write_manifest
from srnet.provenance.store import Store
from srnet.train.checkpoint import load_tensors, save_tensors
from tests.fixtures.mutations import count_outcomes


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


def _listed_again(folder):
    """Let the manifest list the files as they are, as somebody would who means harm."""
    (folder / "manifest.json").unlink(missing_ok=True)
    write_manifest(folder)


def _edited(name, change):
    """Return a function that changes one JSON file of a folder and lists it again."""

    def edit(folder):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        change(content)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
        if name != "manifest.json":
            _listed_again(folder)

    return edit


def _replaced(name, content):
    def replace(folder):
        (folder / name).write_bytes(content)
        if name != "manifest.json":
            _listed_again(folder)

    return replace


def _described(change):
    """Return a function that changes the description in the file of the weights."""

    def describe(folder):
        path = folder / "model.safetensors"
        tensors, about = load_tensors(path)
        save_tensors(path, tensors, change(about))
        _listed_again(folder)

    return describe


DAMAGES = {
    "no method": _edited("model.json", lambda c: c.pop("method")),
    "method is a number": _edited("model.json", lambda c: c.update(method=3)),
    "another size": _edited("model.json", lambda c: c.update(size=64)),
    "no regions": _edited("statistics.json", lambda c: c["ap"].pop("region_mean")),
    "three regions": _edited("statistics.json", lambda c: c["ap"].update(region_mean=[1, 2, 3])),
    "no spread": _edited("statistics.json", lambda c: c["ap"].update(region_spread=[0.0] * 64)),
    "voxels of 0 mm": _edited("statistics.json", lambda c: c.update(spacing_median_mm=[0, 1, 1])),
    "x-rays of another size": _edited("statistics.json", lambda c: c.update(size=64)),
    "no reference": _edited("metrics.json", lambda c: c.pop("reprojection")),
    "reference is text": _edited("metrics.json", lambda c: c.update(reprojection="good")),
    "one view": _edited(
        "metrics.json", lambda c: c["reprojection"].update(correlation_median={"ap": 1.0})
    ),
    "files is a list": _edited("manifest.json", lambda c: c.update(files=["model.json"])),
    "no files": _edited("manifest.json", lambda c: c.pop("files")),
    "digest is a number": _edited(
        "manifest.json", lambda c: c["files"]["model.json"].update(sha256=1)
    ),
    "entry is text": _edited("manifest.json", lambda c: c["files"].update({"model.json": "a"})),
    "a file elsewhere": _edited(
        "manifest.json", lambda c: c["files"].update({"../other": {"sha256": "a"}})
    ),
    "fewer files": _edited("manifest.json", lambda c: c["files"].pop("statistics.json")),
    "Latin-1": _replaced("model.json", '{"method": "ä"}'.encode("latin-1")),
    "deep JSON": _replaced("metrics.json", b"[" * 200_000),
    "no JSON": _replaced("statistics.json", b"{"),
    "a list": _replaced("manifest.json", b"[]"),
    "empty weights": _replaced("model.safetensors", b""),
    "header of 2^40 bytes": _replaced(
        "model.safetensors", (1 << 40).to_bytes(8, "little") + b"{}"
    ),
    "header beyond the file": _replaced("model.safetensors", b"\xff\xff\0\0\0\0\0\0{}"),
    "size of 2^40": _described(lambda about: {**about, "size": 1 << 40}),
    "size is text": _described(lambda about: {**about, "size": "32"}),
    "source at infinity": _described(
        lambda about: {**about, "source_to_isocentre_mm": float("inf")}
    ),
    "unknown network": _described(lambda about: {**about, "net": {"name": "other"}}),
    "network is text": _described(lambda about: {**about, "net": "x2ct"}),
    "unknown key": _described(lambda about: {**about, "more": 1}),
    "no record": _described(lambda about: {k: v for k, v in about.items() if k != "record"}),
    "description is a list": _described(lambda _: [1, 2]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_folder_that_makes_no_sense_is_refused_by_name(folder, damage):
    damage(folder)
    with pytest.raises(SrnetError) as refusal:
        open_model(folder)
    assert str(folder) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_weights_that_are_no_numbers_make_no_volume(small_run, folder):
    tensors, about = load_tensors(folder / "model.safetensors")
    tensors = {name: tensor.float().fill_(float("nan")) for name, tensor in tensors.items()}
    save_tensors(folder / "model.safetensors", tensors, about)
    _listed_again(folder)
    ap, lateral = small_run.films("s7")
    with pytest.raises(SrnetError, match="values that are no numbers"):
        reconstruct(ap, lateral, model=folder)


def open_listed_again(path):
    """Open a model folder one file of which was damaged before the manifest was made."""
    if path.name != "manifest.json":
        _listed_again(path.parent)
    open_model(path.parent)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["model.safetensors", "model.json", "metrics.json", "statistics.json", "manifest.json"],
)
def test_no_damaged_folder_ends_in_another_error(folder, name):
    outcomes = count_outcomes(open_listed_again, folder / name, 60)
    print(name, dict(outcomes))  # noqa: T201 - the count of each outcome


@pytest.mark.slow
@pytest.mark.parametrize("claim", ["header of 2^40 bytes", "size of 2^40", "deep JSON"])
def test_huge_claims_take_little_memory(folder, claim):
    DAMAGES[claim](folder)
    found = count_outcomes(open_listed_again, folder / "model.safetensors", 1, mutated=False)
    assert found == {"refused": 1}


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
