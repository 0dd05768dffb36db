"""Runs survive what happens to runs: kills, full disks, vanished files, odd clocks.

The whole chain on a cohort as small as it gets. The number of kills is 3, or
what SRNET_KILLS says.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import suppress

import pytest
import yaml

KILLS = int(os.environ.get("SRNET_KILLS", "3"))
TABLE = "results/table1.csv"
RUN = ("--cores", "2", "--", TABLE)
TINY = {
    "size": 32,
    "width": 0.125,
    "cohort": {"sources": [{"kind": "phantom", "count": 3, "spacing_mm": 4.0}]},
    "split": {"validation_fraction": 0.34, "test_fraction": 0.34},
    "train": {"epochs": 2, "batch_size": 1},
    "methods": {"x2ct": {"net": {"name": "x2ct"}}},
    "tables": {"table1": ["x2ct"]},
}

pytestmark = pytest.mark.slow


@pytest.fixture
def workplace(tmp_path):
    """Return an empty folder with a tiny configuration."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(TINY))
    return tmp_path


@pytest.fixture(scope="module")
def undisturbed(project, tmp_path_factory):
    """Run the chain once in peace; return its folder and how long it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "config.yaml").write_text(yaml.safe_dump(TINY))
    began = time.monotonic()
    project.snakemake(*RUN, folder=folder)
    return folder, time.monotonic() - began


def kill_group(process: subprocess.Popen) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_an_undisturbed_run_verifies(project, undisturbed):
    status, said = project.srnet("audit", "verify", "results", folder=undisturbed[0])
    assert status == 0, said


def test_killed_runs_finish_by_the_same_command(project, undisturbed, workplace):
    """Kill at random moments, now the whole run, now the engine alone, then let it finish."""
    calm, duration = undisturbed
    draw = random.Random(int(os.environ.get("SRNET_KILL_SEED", "1")))
    for number in range(KILLS):
        process = project.start(*RUN, folder=workplace)
        time.sleep(draw.uniform(2, min(40, 0.6 * duration)))
        if number % 2:
            process.kill()
            process.communicate()
        else:
            kill_group(process)
    project.snakemake(*RUN, folder=workplace)
    status, said = project.srnet("audit", "verify", "results", folder=workplace)
    assert status == 0, said
    assert (workplace / TABLE).read_bytes() == (calm / TABLE).read_bytes()
    assert not list((workplace / "results").rglob("*.partial.*"))


def test_a_second_run_in_the_same_folder_is_refused_with_a_sentence(project, workplace):
    first = project.start(*RUN, folder=workplace)
    lock = workplace / "results/provenance/run.lock"
    while not lock.exists() or not lock.read_text():
        time.sleep(0.1)
    said = project.snakemake(*RUN, folder=workplace, check=False)
    kill_group(first)
    assert "another run is at work here" in said
    assert "Traceback" not in said


def test_a_full_disk_is_named_and_recovered_from(project, undisturbed, workplace):
    """Results on a file system of 2 MB; the chain's are larger."""
    results = workplace / "results"
    results.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "none", results], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no permission to mount a tmpfs")
    try:
        said = project.snakemake(*RUN, folder=workplace, check=False)
        assert "No space left on device; nothing half-written is left" in said
        assert not list(results.rglob("*.partial.*"))
        subprocess.run(["mount", "-o", "remount,size=200m", results], check=True)
        project.snakemake(*RUN, folder=workplace)
        assert (workplace / TABLE).read_bytes() == (undisturbed[0] / TABLE).read_bytes()
    finally:
        subprocess.run(["umount", results], check=True)


def test_a_folder_that_cannot_be_written_is_named(project, workplace):
    (workplace / "results").write_text("a file where the folder should be")
    said = project.snakemake(*RUN, folder=workplace, check=False)
    assert "results" in said
    assert "cannot be written" in said or "Not a directory" in said


def test_a_scan_that_vanishes_in_mid_run_is_named(project, workplace, undisturbed):
    """A scan is there when the run is planned and gone when its job starts."""
    (workplace / "scans").mkdir()
    volume = next((undisturbed[0] / "results/volume").glob("*.nii.gz"))
    for number in range(4):
        shutil.copy(volume, workplace / f"scans/p{number}.nii.gz")
    config = TINY | {"cohort": {"sources": [{"kind": "folder", "path": "scans"}]}}
    (workplace / "config.yaml").write_text(yaml.safe_dump(config))
    process = project.start("--cores", "1", "--", "results/drr/p3/ap.png", folder=workplace)
    claimed = workplace / "results/provenance/run.lock"
    while not claimed.exists():
        time.sleep(0.02)
    (workplace / "scans/p3.nii.gz").unlink()
    said, _ = process.communicate()
    assert process.returncode != 0
    assert "scans/p3.nii.gz" in said
    assert not list((workplace / "results").glob("ct/*"))
    shutil.copy(volume, workplace / "scans/p3.nii.gz")
    project.snakemake("--cores", "1", "--", "results/drr/p3/ap.png", folder=workplace)


def test_a_clock_set_back_runs_nothing_again(project, undisturbed):
    """Everything is a day in the future after the clock went back by a day."""
    folder = undisturbed[0]
    tomorrow = time.time() + 86400
    for path in (folder / "results").rglob("*"):
        if path.is_file() and random.Random(path.name).random() < 0.5:
            os.utime(path, (tomorrow, tomorrow))
    said = project.snakemake("--dry-run", "--", TABLE, folder=folder)
    assert "Nothing to be done" in said
