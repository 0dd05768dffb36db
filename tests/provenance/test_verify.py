"""`srnet audit verify` names exactly what was tampered with, and what depends on it."""

import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from srnet.commands.main import main
from srnet.core.errors import SrnetError
from srnet.provenance import code as digest
from srnet.provenance import verify as module
from srnet.provenance.claim import Run, start_run
from srnet.provenance.record import Job, recorded
from srnet.provenance.verify import verify

TABLE = "table1.csv"
MODEL = "models/x2ct/model.safetensors"
HISTORY = "models/x2ct/history.csv"
DATASET = "dataset/train.h5"


def found(results) -> dict[str, str]:
    return {finding.path: finding.kind for finding in verify(results).findings}


def depends(results, path: str) -> set[str]:
    return next(set(f.dependants) for f in verify(results).findings if f.path == path)


def flip(path, position: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def test_an_untouched_run_holds(recorded_results, capsys):
    verdict = verify(recorded_results)
    assert verdict.findings == ()
    assert verdict.sources == 3
    assert main(["audit", "verify", str(recorded_results)]) == 0
    assert "all as recorded" in capsys.readouterr().out


def test_intermediates_that_the_run_removed_are_not_lost(recorded_results):
    assert not (recorded_results / "ct/a.nii.gz").exists()
    assert found(recorded_results) == {}


@pytest.mark.parametrize(
    ("artifact", "after"),
    [
        (DATASET, {MODEL, HISTORY, TABLE}),
        (MODEL, {TABLE}),
        (TABLE, set()),
        ("drr/a/ap.png", {DATASET, MODEL, HISTORY, TABLE}),
    ],
)
def test_one_flipped_byte_is_named_with_what_depends_on_it(recorded_results, artifact, after):
    flip(recorded_results / artifact, 30)
    assert found(recorded_results) == {artifact: "changed"}
    assert depends(recorded_results, artifact) == after


def test_a_hundred_random_flips_are_all_found(recorded_results):
    draw = random.Random(1)
    files = sorted(
        path
        for path in recorded_results.rglob("*")
        if path.is_file() and path.suffix != ".lock" and "provenance" not in path.parts
    )
    for _ in range(100):
        path = draw.choice(files)
        position, bit = draw.randrange(path.stat().st_size), draw.randrange(8)
        flip(path, position, bit)
        name = path.relative_to(recorded_results).as_posix()
        assert found(recorded_results) == {name: "changed"}
        flip(path, position, bit)


def test_a_deleted_artifact_is_lost(recorded_results):
    (recorded_results / "drr/b/lateral.png").unlink()
    assert found(recorded_results) == {"drr/b/lateral.png": "lost"}


def test_a_file_added_by_hand_is_named(recorded_results):
    (recorded_results / "drr/b/extra.png").write_text("mine", encoding="utf-8")
    assert found(recorded_results) == {"drr/b/extra.png": "added"}


def test_logs_and_resume_files_are_no_artifacts(recorded_results):
    for name in ("logs/train/x2ct.log", "models/x2ct/resume.0a.safetensors"):
        (recorded_results / name).parent.mkdir(parents=True, exist_ok=True)
        (recorded_results / name).write_text("text", encoding="utf-8")
    assert found(recorded_results) == {}


def test_a_changed_and_a_lost_scan_are_named(recorded_results):
    scans = recorded_results.parent / "scans"
    (scans / "a.nii.gz").write_text("another patient", encoding="utf-8")
    (scans / "b.nii.gz").unlink()
    names = {str(scans / "a.nii.gz"): "changed", str(scans / "b.nii.gz"): "lost"}
    assert found(recorded_results) == names
    affected = depends(recorded_results, str(scans / "a.nii.gz"))
    assert {"drr/a/ap.png", "drr/a/lateral.png", DATASET, TABLE} < affected
    assert "drr/b/ap.png" not in affected


def test_what_was_made_from_an_older_version_is_stale(pipeline):
    results = pipeline.run()
    (pipeline.folder / "scans/a.nii.gz").write_text("another patient", encoding="utf-8")
    pipeline.prepare("a")
    (results / "ct/a.nii.gz").unlink()
    assert found(results) == {DATASET: "stale"}
    assert depends(results, DATASET) == {MODEL, HISTORY, TABLE}


def test_an_edited_source_file_is_named_with_what_it_made(recorded_results, monkeypatch):
    real = digest.source_digest

    def edited(name: str) -> str | None:
        return "edited" if name == "workflow/scripts/train.py" else real(name)

    monkeypatch.setattr(module, "source_digest", edited)
    assert found(recorded_results) == {"workflow/scripts/train.py": "code"}
    assert depends(recorded_results, "workflow/scripts/train.py") == {MODEL, HISTORY, TABLE}


def test_a_tampered_record_is_not_believed(recorded_results):
    record = recorded_results / "provenance/artifacts" / f"{TABLE}.json"
    record.write_text(
        record.read_text(encoding="utf-8").replace('"threads": 1', '"threads": 8'),
        encoding="utf-8",
    )
    assert found(recorded_results)[TABLE] == "record"


def test_an_artifact_whose_record_was_removed_is_named(recorded_results):
    (recorded_results / "provenance/artifacts" / f"{DATASET}.json").unlink()
    assert found(recorded_results) == {DATASET: "added"}


def test_a_results_folder_inside_is_another_run_s_and_is_said_not_to_be_looked_at(
    pipeline, capsys
):
    results = pipeline.run()
    elsewhere = pipeline.folder / "elsewhere"
    shutil.copytree(pipeline.folder / "scans", elsewhere / "scans")
    type(pipeline)(elsewhere).run().rename(results / "mine")
    (results / "mine/extra.csv").write_text("added there", encoding="utf-8")
    assert found(results) == {}
    assert found(results / "mine") == {"extra.csv": "added"}
    assert main(["audit", "verify", str(results)]) == 0
    assert "not checked: mine, the results folder of another run" in capsys.readouterr().out


def test_a_lost_artifact_is_not_stale_as_well(pipeline):
    results = pipeline.run()
    (pipeline.folder / "scans/a.nii.gz").write_text("another patient", encoding="utf-8")
    pipeline.prepare("a")
    for path in (results / "ct/a.nii.gz", results / DATASET):
        path.unlink()
    assert found(results) == {DATASET: "lost"}


def test_a_method_that_left_the_tables_goes_by_the_printed_command(pipeline):
    results = pipeline.run()
    model = {"model": ["models/old/model.safetensors"]}
    pipeline.job("train", {"train": [DATASET]}, model, {"method": "old"})
    pipeline.job("predict", model, {"prediction": ["predictions/old.h5"]}, {"method": "old"})
    page = (digest.ROOT / "docs/audit.md").read_text(encoding="utf-8")
    (command,) = (line for line in page.splitlines() if line.startswith("rm "))
    said = ["bash", "-c", command.replace("NAME", "old")]
    subprocess.run(said, cwd=results.parent, check=True)
    assert not list(results.rglob("*old*"))
    assert found(results) == {}


def test_a_file_from_outside_is_looked_for_where_its_own_run_started(tmp_path, monkeypatch):
    """Two projects have a scan of the same name; the present folder is the other one's."""
    script = digest.ROOT / "workflow/scripts/acquire.py"
    code = digest.code_digest(script)
    for project in ("one", "two"):
        folder = tmp_path / project
        (folder / "ct").mkdir(parents=True)
        (folder / "ct/scan.nii.gz").write_text(project, encoding="utf-8")
        monkeypatch.chdir(folder)
        start_run("results", Run("engine 1", {}, {}, {code: digest.code_listing(script)}))
        files = {"files": ["ct/scan.nii.gz"]}, {"ct": ["results/ct.nii.gz"]}
        with recorded(Job("results", "acquire", {}, {"code": code}, *files)):
            Path("results/ct.nii.gz").write_text("a volume", encoding="utf-8")
    assert found("../one/results") == {}
    Path("../one/ct/scan.nii.gz").write_text("changed", encoding="utf-8")
    assert found("../one/results") == {"ct/scan.nii.gz": "changed"}


def test_findings_are_printed_and_make_the_exit_status(recorded_results, capsys):
    flip(recorded_results / MODEL, 3)
    assert main(["audit", "verify", str(recorded_results)]) == 1
    printed = capsys.readouterr().out
    assert f"changed  {MODEL}" in printed
    assert f"affects {TABLE}" in printed


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(SrnetError, match="in no results folder"):
        verify(tmp_path)


def test_results_may_be_moved(recorded_results):
    moved = recorded_results.rename(recorded_results.parent / "moved")
    assert found(moved) == {}


def test_time_stamps_do_not_count(recorded_results):
    time.sleep(0.01)
    (recorded_results / TABLE).touch()
    assert found(recorded_results) == {}
