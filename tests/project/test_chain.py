"""The whole chain on a tiny generated cohort: from scans to tables and figures."""

import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "size": 32,
    "cohort": {
        "sources": [
            {"kind": "phantom", "count": 12, "spacing_mm": 3.0},
            {"kind": "folder", "path": "damaged"},
        ]
    },
    "split": {"validation_fraction": 0.2, "test_fraction": 0.2},
    "train": {"epochs": 12},
    "methods": {"x2ct": {"net": {"name": "x2ct"}}},
    "tables": {"table1": ["x2ct"]},
}


REASONS = {
    "cut": "ends too early",
    "holes": "64000 of 64000 voxels are NaN",
    "flat": "an image of 40x40 voxels",
    "zero": "voxel size 0 x 0 x 0 mm",
    "text": "its header is not that of a single NIfTI file",
}


def write_damaged_scans(folder):
    """Write five files that are no CT, each for a reason of its own."""
    folder.mkdir()
    voxels = np.random.default_rng(0).normal(0, 300, (40, 40, 40)).astype(np.float32)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(voxels, affine), folder / "cut.nii.gz")
    whole = (folder / "cut.nii.gz").read_bytes()
    (folder / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    nibabel.save(nibabel.Nifti1Image(voxels * np.nan, affine), folder / "holes.nii.gz")
    nibabel.save(nibabel.Nifti1Image(voxels[:, :, 0], affine), folder / "flat.nii.gz")
    nibabel.save(nibabel.Nifti1Image(voxels, affine), folder / "zero.nii")
    header = bytearray((folder / "zero.nii").read_bytes())
    header[80:92] = bytes(12)
    (folder / "zero.nii").write_bytes(header)
    (folder / "text.nii.gz").write_text("minutes of a meeting", encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run the pipeline once in a folder of its own, as a user would."""
    folder = tmp_path_factory.mktemp("chain")
    write_damaged_scans(folder / "damaged")
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(TINY), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "snakemake", "--cores", "2", "--snakefile", ROOT / "Snakefile"),
        *("--directory", folder, "--configfile", config, "--", "results/table1.csv"),
        "results/figures/overview.png",
    ]
    done = subprocess.run([str(word) for word in command], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def table(run):
    return pd.read_csv(run / "results" / "table1.csv", comment="#", index_col="Method")


@pytest.mark.slow
def test_the_paper_columns_come_first_and_in_order(table):
    assert list(table.columns[:7]) == ["PSNR", "SSIM", "CS", "MAE", "MSE", "LPIPS", "FLOPs"]


@pytest.mark.slow
def test_training_beats_the_floors_that_know_no_geometry(table):
    """A loss that is switched off or weighted wrongly leaves the network below them."""
    for baseline in ("All zero", "Mean volume"):
        assert table.loc["X2CT", "CS"] > table.loc[baseline, "CS"]
        assert table.loc["X2CT", "PSNR3D"] > table.loc[baseline, "PSNR3D"]


@pytest.mark.slow
def test_nothing_comes_from_random_lpips_weights(table, run):
    assert table["LPIPS"].isna().all()
    assert "LPIPS" in (run / "results" / "table1.csv").read_text(encoding="utf-8").split("#", 1)[1]


@pytest.mark.slow
def test_the_figure_is_there(run):
    assert (run / "results" / "figures" / "overview.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_damaged_scans_are_named_counted_and_left_out(run):
    rejected = pd.read_csv(
        run / "results" / "rejected.tsv", sep="\t", index_col="scan", comment="#"
    )
    assert set(rejected.index) == set(REASONS)
    for scan, word in REASONS.items():
        assert word in str(rejected.loc[scan, "reason"])
    assert "# rejected scans: 5" in (run / "results" / "table1.csv").read_text(encoding="utf-8")
