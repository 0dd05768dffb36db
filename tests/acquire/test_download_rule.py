"""The download path through the workflow itself, against a server that misbehaves."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from srnet.acquire.acquire import list_scans
from srnet.acquire.batches import batch_scans
from srnet.acquire.generated import generate
from srnet.acquire.scan import Scan
from srnet.config.cohort import CohortSettings
from srnet.core.rejection import read_tombstone
from srnet.imaging.volume import canonical

ROOT = Path(__file__).parents[2]
PATIENTS = 3


def as_openkbp(index):
    """Return a generated neck as OpenKBP would publish it: the text of its two tables."""
    scan = Scan(
        scan_id="neck",
        patient_id="neck",
        source="phantom",
        index=index,
        region="cervical",
        spacing_mm=3.0,
    )
    volume = canonical(generate(scan, seed=1).image)
    inside = volume.array[:128, :128, :128]
    cube = np.full((128, 128, 128), -1024, dtype=np.int16)
    down, back, left = inside.shape
    cube[:down, :back, :left] = np.maximum(inside, -1024)
    flat = cube.transpose(1, 2, 0).ravel().astype(int) + 1024
    index_of = np.flatnonzero(flat)
    rows = "\n".join(f"{i},{v}.0" for i, v in zip(index_of, flat[index_of], strict=True))
    high, deep, wide = volume.grid.spacing_mm
    return f",data\n{rows}\n".encode(), f"{deep}\n{wide}\n{high}\n".encode()


@pytest.mark.slow
def test_faults_end_in_right_files_or_in_one_rejected_scan(site, tmp_path):
    site.retry_after = "0"
    tables = as_openkbp(1)
    for number in range(1, PATIENTS + 1):
        base = f"/train-pats/pt_{number}"
        site.files[f"{base}/ct.csv"], site.files[f"{base}/voxel_dimensions.csv"] = tables
    site.faults = {
        "/train-pats/pt_1/ct.csv": [429, "cut", "no-range"],
        "/train-pats/pt_2/ct.csv": ["wrong"],
        "/train-pats/pt_3/voxel_dimensions.csv": [404],
    }
    source = {"kind": "openkbp", "address": site.address, "limit": PATIENTS}
    config: dict = {"results": "results", "cohort": {"sources": [source]}}
    (tmp_path / "kbp.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    run = [str(sys.executable), "-m", "snakemake", "--cores", "2"]
    run += ["--snakefile", f"{ROOT}/Snakefile"]
    places = [
        "--directory",
        f"{tmp_path}",
        "--configfile",
        f"{ROOT}/config.yaml",
        f"{tmp_path}/kbp.yaml",
    ]
    digests = [f"results/voxels/openkbp-{n:03d}.txt" for n in range(1, PATIENTS + 1)]
    cohort = CohortSettings.parse(config["cohort"])
    batches = batch_scans(list_scans(cohort), cohort.scans_per_job)
    lists = [f"results/ct/{batch}.tsv" for batch in batches]
    done = subprocess.run([*run, *places, "--", *lists], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-3000:]
    stones = [read_tombstone(tmp_path / digest) for digest in digests]
    assert stones[0] is None
    assert stones[1] is not None
    assert stones[1]["stage"] == "acquire"
    assert "is not a table" in stones[1]["rejected"]
    assert stones[2] is not None
    assert stones[2]["stage"] == "download"
    assert "does not give this file (status 404)" in stones[2]["rejected"]
    local = tmp_path / "resources" / "scans" / "openkbp-001" / "ct.csv"
    assert local.read_bytes() == site.files["/train-pats/pt_1/ct.csv"]
