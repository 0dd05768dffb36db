"""The whole chain, in peace and through kills, full disks, vanished files and odd clocks.

It runs on a cohort as small as it gets. The number of kills is 2, or
what SRNET_KILLS says; `--log-cli-level=INFO` shows each.
"""

import dataclasses
import hashlib
import logging
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from srnet.acquire.acquire import list_scans
from srnet.acquire.batches import batch_scans
from srnet.config.cohort import CohortSettings

KILLS = int(os.environ.get("SRNET_KILLS", "2"))
TABLE = "results/table1.csv"
RUN = ("--cores", "2", "--", TABLE)

WITHOUT = "-dac_override,-dac_read_search"
TINY = {
    "size": 32,
    "width": 0.125,
    "cohort": {"sources": [{"kind": "phantom", "count": 3, "spacing_mm": 4.0}]},
    "split": {"validation_fraction": 0.34, "test_fraction": 0.34},
    "train": {"epochs": 2, "batch_size": 1},
    "methods": {"x2ct": {"net": {"name": "x2ct"}}},
    "tables": {"table1": ["x2ct"]},
}


def xrays_of(scan: str, cohort: Any) -> str:
    """Return what a run is asked for to make the x-rays of a scan: the list of its batch."""
    batches = batch_scans(list_scans(CohortSettings.parse(cohort)), CohortSettings().scans_per_job)
    return next(f"results/drr/{batch}.tsv" for batch, scans in batches.items() if scan in scans)


FIRST = ("--cores", "1", "--", xrays_of("phantom0000", TINY["cohort"]))
log = logging.getLogger(__name__)
pytestmark = pytest.mark.slow


def workplace_in(folder: Path) -> Path:
    """Return the folder, made, with a tiny configuration in it."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(TINY), encoding="utf-8")
    return folder


@pytest.fixture
def workplace(tmp_path):
    """Return an empty folder with a tiny configuration."""
    return workplace_in(tmp_path)


@pytest.fixture(scope="module")
def undisturbed(project, tmp_path_factory):
    """Run the chain once in peace; return its folder and how long it took."""
    folder = workplace_in(tmp_path_factory.mktemp("undisturbed"))
    began = time.monotonic()
    project.snakemake(*RUN, folder=folder)
    return folder, time.monotonic() - began


def cut_off(process: subprocess.Popen, seconds: float) -> bool:
    """Kill the engine and all of its jobs after so many seconds; tell whether it still ran."""
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    return False


def finish(project, folder: Path) -> str:
    """Give the same command again, let it end, and return the digest of its table."""
    project.snakemake(*RUN, folder=folder)
    status, said = project.srnet("audit", "verify", "results", folder=folder)
    assert status == 0, said
    assert not list((folder / "results").rglob("*.partial.*"))
    return hashlib.sha256((folder / TABLE).read_bytes()).hexdigest()


def test_an_undisturbed_run_verifies(project, undisturbed):
    status, said = project.srnet("audit", "verify", "results", folder=undisturbed[0])
    assert status == 0, said


def test_films_go_through_the_same_engine(project, undisturbed, tmp_path):
    """Export the model and reconstruct two cases of a table, whose films lie elsewhere.

    The engine takes names in braces for its own.
    """
    folder = shutil.copytree(undisturbed[0], tmp_path / "clinical", symlinks=True)
    for view in ("ap", "lateral"):
        shutil.copy(folder / f"results/drr/phantom0000/{view}.png", folder / f"{{{view}}}.png")
    (folder / "films.tsv").write_text(
        "case\tap\tlateral\tspacing_mm\tmirror\n"
        "one\t{ap}.png\t{lateral}.png\t4 3 3.5\t\n"
        "two\t{ap}.png\t{lateral}.png\t\tap lateral\n",
        encoding="utf-8",
    )
    # What a training of two epochs holds for bone is faint.
    clinical = {"method": "x2ct", "table": "films.tsv", "bone_threshold": 0.05}
    (folder / "config.yaml").write_text(
        yaml.safe_dump(TINY | {"clinical": clinical}), encoding="utf-8"
    )
    project.snakemake("--cores", "2", "--", "clinical", folder=folder)
    for case in ("one", "two"):
        assert (folder / "results/clinical" / case / "view.html").is_file()
    licences = (folder / "results/export/x2ct/LICENCES.md").read_text(encoding="utf-8")
    assert "1 scans: CC0-1.0" in licences
    status, said = project.srnet("audit", "verify", "results", folder=folder)
    assert status == 0, said


def records(folder: Path) -> int:
    """Return how many artifacts are recorded: how far a run has come, however busy the machine."""
    return sum(1 for _ in (folder / "results/provenance/artifacts").rglob("*.json"))


def test_after_every_kill_the_same_command_finishes(project, undisturbed, tmp_path):
    """Kill the whole run again and again as it goes on; finish a copy of what each kill left."""
    calm, duration = undisturbed
    expected = hashlib.sha256((calm / TABLE).read_bytes()).hexdigest()
    draw, total = random.Random(int(os.environ.get("SRNET_KILL_SEED", "1"))), records(calm)
    begun, killed = tmp_path, 0
    while killed < KILLS:
        moment = records(begun) + draw.randrange(total // 3)
        if begun == tmp_path or moment >= total:
            begun = workplace_in(Path(tempfile.mkdtemp(dir=tmp_path)))
            moment = draw.randrange(total // 3)
        process = project.start(*RUN, folder=begun)
        while process.poll() is None and records(begun) < moment:
            time.sleep(0.05)
        if not cut_off(process, draw.uniform(0, 3 * duration / total)):
            continue
        killed += 1
        left = shutil.copytree(begun, tmp_path / f"left{killed}", symlinks=True)
        began, made = time.monotonic(), records(left)
        assert finish(project, left) == expected
        log.info(
            "kill %d of %d with %d of %d records made: finished in %.0f s, table1.csv %s",
            *(killed, KILLS, made, total, time.monotonic() - began, expected[:16]),
        )
        shutil.rmtree(left)


def test_an_engine_killed_alone_is_finished_by_the_same_command(project, undisturbed, workplace):
    """Its jobs go on; the next run waits for them."""
    calm, duration = undisturbed
    process = project.start(*RUN, folder=workplace)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=0.6 * duration)
    process.kill()
    process.communicate()
    finish(project, workplace)
    assert (workplace / TABLE).read_bytes() == (calm / TABLE).read_bytes()


def test_a_second_run_in_the_same_folder_is_refused_with_a_sentence(project, workplace):
    first = project.start(*RUN, folder=workplace)
    lock = workplace / "results/provenance/run.lock"
    while not lock.exists() or not lock.read_text(encoding="utf-8"):
        time.sleep(0.1)
    said = project.snakemake(*RUN, folder=workplace, check=False)
    cut_off(first, 0)
    assert "another run is at work here" in said
    assert "Traceback" not in said


def test_a_full_disk_is_named_and_recovered_from(project, undisturbed, workplace):
    """Results on a file system of 600 kB; the chain's are larger."""
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
        # No traceback of a script; HDF5 may speak of its own objects when the process ends.
        assert "in <module>" not in said
        assert not list(results.rglob("*.partial.*"))
        subprocess.run(["mount", "-o", "remount,size=200m", results], check=True)
        project.snakemake(*RUN, folder=workplace)
        assert (workplace / TABLE).read_bytes() == (undisturbed[0] / TABLE).read_bytes()
    finally:
        subprocess.run(["umount", results], check=True)


@pytest.fixture
def unprivileged(project):
    """Return the project run by somebody whom permission bits bind, as they do not bind root."""
    if os.geteuid():
        return project
    drop = ("setpriv", "--inh-caps", WITHOUT, "--bounding-set", WITHOUT)
    if shutil.which("setpriv") is None or subprocess.run([*drop, "true"]).returncode:
        pytest.skip("root, and setpriv cannot take away its right to write anywhere")
    return dataclasses.replace(project, wrapper=drop)


def test_a_read_only_folder_is_named_and_recovered_from(unprivileged, workplace):
    results = workplace / "results"
    results.mkdir(mode=0o555)
    said = unprivileged.snakemake(*FIRST, folder=workplace, check=False)
    assert "results/provenance/run.lock cannot be written (Permission denied)" in said
    assert "Traceback" not in said
    assert list(results.iterdir()) == []
    results.chmod(0o755)
    unprivileged.snakemake(*FIRST, folder=workplace)


def test_a_folder_that_turns_read_only_in_mid_run_is_named(unprivileged, workplace):
    drr = workplace / "results/drr/phantom0000"
    drr.mkdir(parents=True)
    (drr / "kept").touch()  # an empty folder would be removed by the engine
    drr.chmod(0o555)
    said = unprivileged.snakemake(*FIRST, folder=workplace, check=False)
    assert "cannot be written: Permission denied; nothing half-written is left" in said
    assert "Traceback" not in said
    assert [path.name for path in drr.iterdir()] == ["kept"]
    drr.chmod(0o755)
    unprivileged.snakemake(*FIRST, folder=workplace)


def test_a_file_in_place_of_the_folder_is_named(project, workplace):
    (workplace / "results").write_text("a file where the folder should be", encoding="utf-8")
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
    (workplace / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    cohort = {"sources": [{"kind": "folder", "path": str(workplace / "scans")}]}
    target = xrays_of("p3", cohort)
    process = project.start("--cores", "1", "--", target, folder=workplace)
    claimed = workplace / "results/provenance/run.lock"
    while not claimed.exists():
        time.sleep(0.02)
    (workplace / "scans/p3.nii.gz").unlink()
    said, _ = process.communicate()
    assert process.returncode != 0
    assert "scans/p3.nii.gz" in said
    assert not list((workplace / "results").glob("ct/*"))
    shutil.copy(volume, workplace / "scans/p3.nii.gz")
    project.snakemake("--cores", "1", "--", target, folder=workplace)


def test_a_clock_set_back_runs_nothing_again(project, undisturbed):
    """Everything is a day in the future after the clock went back by a day."""
    folder = undisturbed[0]
    tomorrow = time.time() + 86400
    for path in (folder / "results").rglob("*"):
        if path.is_file() and random.Random(path.name).random() < 0.5:
            os.utime(path, (tomorrow, tomorrow))
    said = project.snakemake("--dry-run", "--", TABLE, folder=folder)
    assert "Nothing to be done" in said
