"""The whole chain on a tiny generated cohort: from scans to tables and figures."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "size": 32,
    "cohort": {"sources": [{"kind": "phantom", "count": 12, "spacing_mm": 3.0}]},
    "split": {"validation_fraction": 0.2, "test_fraction": 0.2},
    "train": {"epochs": 12},
    "methods": {"x2ct": {"net": {"name": "x2ct"}}},
    "tables": {"table1": ["x2ct"]},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run the pipeline once in a folder of its own, as a user would."""
    folder = tmp_path_factory.mktemp("chain")
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(TINY))
    command = [
        *(sys.executable, "-m", "snakemake", "--cores", "2", "--snakefile", ROOT / "Snakefile"),
        *("--directory", folder, "--configfile", config, "--", "results/table1.csv"),
        "results/figures/overview.png",
    ]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
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
    for floor in ("All zero", "Mean volume"):
        assert table.loc["X2CT", "CS"] > table.loc[floor, "CS"]
        assert table.loc["X2CT", "PSNR3D"] > table.loc[floor, "PSNR3D"]


@pytest.mark.slow
def test_nothing_comes_from_random_lpips_weights(table, run):
    assert table["LPIPS"].isna().all()
    assert "LPIPS" in (run / "results" / "table1.csv").read_text().split("#", 1)[1]


@pytest.mark.slow
def test_the_figure_is_there(run):
    assert (run / "results" / "figures" / "overview.png").read_bytes().startswith(b"\x89PNG")
