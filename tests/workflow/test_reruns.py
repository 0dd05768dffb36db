"""What runs again is decided by content, never by the clock."""

import os
import re
import time
from pathlib import Path

import pytest

from srnet.acquire.batches import batch_scans
from srnet.acquire.scan import Scan
from srnet.config.cohort import CohortSettings
from tests.workflow.conftest import copy_project, make_everything

FIGURES = {"render_overview"}
BEFORE_DRR = {"acquire", "separate_bone", "resample_volume"}
ALWAYS_APART = {"measure_flops"}


def all_rules(made) -> set[str]:
    return set(made.pending("--forceall", "results/table1.csv", "results/figures/overview.png"))


def touch_everything(folder: Path) -> None:
    later = time.time() + 100
    for path in folder.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts:
            os.utime(path, (later, later))


def test_nothing_changed_nothing_runs(made):
    temporary = [
        *(made.folder / "results").glob("ct/*/"),
        *(made.folder / "results").glob("bone/*/"),
    ]
    assert temporary == []
    assert made.pending() == {}


def test_touching_every_source_runs_nothing(made):
    for part in ("srnet", "workflow", "envs"):
        touch_everything(made.folder / part)
    for file in ("Snakefile", "config.yaml", "requirements.lock"):
        (made.folder / file).touch()
    assert made.pending() == {}


def test_touching_scans_and_products_runs_nothing(made):
    touch_everything(made.folder / "scans")
    for part in ("volume", "dataset", "models"):
        touch_everything(made.folder / "results" / part)
    assert made.pending() == {}


def test_an_edit_of_the_drr_code_runs_drrs_and_what_follows(made):
    with made.edited("srnet/prepare/project_drr.py", lambda text: text + "\nEDITED = 1\n"):
        pending = made.pending()
    assert pending["project_drr"] == made.pending("--forceall")["project_drr"]
    assert set(pending) == all_rules(made) - BEFORE_DRR - ALWAYS_APART


def test_an_edit_with_an_old_time_stamp_is_seen_in_a_script(made):
    with made.edited("workflow/scripts/make_table.py", lambda text: text + "\nEDITED = 1\n"):
        assert set(made.pending()) == {"make_table"}


def test_an_edit_of_figure_code_runs_figures_only(made):
    with made.edited("srnet/figures/render_overview.py", lambda text: text + "\nEDITED = 1\n"):
        assert set(made.pending()) == FIGURES


def test_a_changed_scan_runs_the_preparation_of_its_own_batch_only(made):
    with made.edited("scans/scan1.nii.gz", lambda text: text + "more"):
        touch_everything(made.folder / "scans")
        pending = made.pending()
    assert {rule: pending[rule] for rule in BEFORE_DRR} == dict.fromkeys(BEFORE_DRR, 1)
    assert pending["project_drr"] == 1
    assert made.pending("--forceall")["acquire"] > 1


@pytest.mark.parametrize(("count", "expected"), [(7, 2), (200, 30)])
def test_one_scan_more_redoes_the_scans_of_its_own_batch_only(tmp_path, count, expected):
    project = copy_project(tmp_path)
    make_everything(project, scans=count)
    (tmp_path / f"scans/scan{count}.nii.gz").write_text("new", encoding="utf-8")
    said = project.snakemake("--dry-run", "results/split.tsv")
    cohort = [
        Scan(scan_id=f"scan{number}", patient_id="p", source="folder")
        for number in range(count + 1)
    ]
    batches = batch_scans(cohort, CohortSettings().scans_per_job)
    for stage in ("Acquire", "Separate", "Resample", "Project"):
        (batch,) = re.findall(rf"Job \d+: {stage} .* of batch (\S+)", said)
        assert f"scan{count}" in batches[batch]
        assert len(batches[batch]) == expected


def test_another_results_folder_makes_everything_anew(made):
    pending = made.pending("--config", "results=other", "--", "other/table1.csv")
    assert pending["acquire"] == made.pending("--forceall")["acquire"]
    assert pending["make_table"] == 1


def test_a_folder_may_be_spelt_in_any_way(made):
    pending = made.pending("--config", "results=./other/", "--", "other/table1.csv")
    assert pending["make_table"] == 1


def test_a_wrong_key_stops_before_anything_runs(made):
    output = made.snakemake("--dry-run", "--config", "sizes=64", check=False)
    assert "'sizes' is not a key; did you mean 'size'?" in output
