import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from srnet.core.errors import SrnetError
from srnet.core.stamp import stamped
from srnet.evaluate.metrics import COLUMNS, PAPER
from srnet.evaluate.scores import write_scores
from srnet.tables.make_table import make_table

NET = {"name": "srnet3d", "aspp": True, "srct": "pyramid", "srte": "text", "physics": "none"}
LOSS = {"igdl": 0.25, "ffl": 0.25}


def scores(offset: float, scans=tuple("abcdef")) -> pd.DataFrame:
    """Return scores of six scans of five patients, 0 to 5 plus an offset."""
    frame = pd.DataFrame({"scan": scans, "patient": list("ppqrst"), "source": "phantom"})
    for column in COLUMNS:
        frame[column] = np.arange(6) + offset
    frame["LPIPS"] = np.nan
    return frame


@pytest.fixture
def make(tmp_path: Path):
    """Return a function that makes a table of one baseline and some methods, by suffix."""
    (tmp_path / "split.tsv").write_text(
        "scan\tpatient\tpart\na\tp\ttest\nb\tp\ttest\nc\tq\ttest\nd\tr\ttest\n"
        "e\ts\ttest\nf\tt\ttest\ng\tq\ttrain\nh\tu\tvalidation\n",
        encoding="utf-8",
    )
    (tmp_path / "rejected.tsv").write_text(
        "scan\tstage\treason\nbad\tacquire\tcut short\n", encoding="utf-8"
    )

    def write(methods, table="table1", suffix=".csv", frames=None) -> Path:
        frames = frames or {name: scores(number) for number, name in enumerate(methods)}
        frames = {"all_zero": scores(10), **frames}
        for name, frame in frames.items():
            write_scores(tmp_path / f"{name}.tsv", frame)
        counts = {"parameters": 1, "true_flops": 5e11, "paper_flops": 623.345e9}
        (tmp_path / "flops.json").write_text(
            json.dumps(dict.fromkeys(methods, counts)), encoding="utf-8"
        )
        output = tmp_path / f"{table}{suffix}"
        make_table(
            table,
            scores=[tmp_path / f"{name}.tsv" for name in frames],
            flops=tmp_path / "flops.json",
            methods=methods,
            split=tmp_path / "split.tsv",
            rejected=tmp_path / "rejected.tsv",
            size=64,
            outputs=[output],
        )
        return output

    return write


def read(path):
    return pd.read_csv(path, comment="#")


METHODS = {"x2ct": {"net": {"name": "x2ct"}, "loss": LOSS}, "srnet3d": {"net": NET, "loss": LOSS}}


def test_the_csv_begins_with_the_papers_columns_in_its_order(make):
    table = read(make(METHODS))
    assert list(table.columns[:8]) == [
        "Method",
        *("PSNR", "SSIM", "CS", "MAE", "MSE", "LPIPS", "FLOPs"),
    ]
    assert list(table["Method"]) == ["All zero", "X2CT", "3DSRNet"]


def test_means_are_over_scans(make):
    table = read(make(METHODS)).set_index("Method")
    assert table.loc["X2CT", "PSNR"] == 2.5
    assert table.loc["3DSRNet", "Dice"] == 3.5


def test_the_papers_values_stand_beside_ours(make):
    table = read(make(METHODS)).set_index("Method")
    assert table.loc["X2CT", "PSNR_printed"] == 43.699
    assert table.loc["3DSRNet", "LPIPS_printed"] == 0.0768
    assert table.loc["X2CT", "FLOPs"] == 623.345
    assert table.loc["X2CT", "FLOPs_printed"] == 623.345
    assert table.loc["All zero", [f"{c.name}_printed" for c in PAPER]].isna().all()


def test_baselines_have_no_operations(make):
    table = read(make(METHODS)).set_index("Method")
    assert table["FLOPs"].isna()["All zero"]


def test_the_footer_counts_and_explains(make):
    with stamped("0123456789abcdef"):
        text = make(METHODS).read_text(encoding="utf-8")
    for line in (
        "# volumes: 64 voxels a side; the paper's: 128",
        "# test scans: 6",
        "# test patients: 5",
        "# rejected scans: 1",
        "# leaked patients (in the test set and outside it): 1",
        "# LPIPS: no value for 18 of 18 scores: no trained AlexNet features were given",
        "# intervals: 95 %, 2000 bootstrap samples of 5 patients",
        "# record: 0123456789abcdef",
    ):
        assert line in text


@pytest.mark.parametrize("suffix", [".csv", ".md", ".tex", ".html"])
def test_made_twice_is_the_same_to_the_byte(make, suffix):
    assert make(METHODS, suffix=suffix).read_bytes() == make(METHODS, suffix=suffix).read_bytes()


@pytest.mark.parametrize("suffix", [".md", ".tex", ".html"])
def test_every_format_shows_ours_and_the_papers(make, suffix):
    text = make(METHODS, suffix=suffix).read_text(encoding="utf-8")
    assert "3DSRNet (printed)" in text
    assert "45.4666" in text
    assert "3.5000" in text
    assert re.search(r"\[2\.\d{4}, 5\.\d{4}\]", text)
    assert "rejected scans: 1" in text


def test_the_latex_is_well_formed(make):
    text = make(METHODS, suffix=".tex").read_text(encoding="utf-8")
    body = [line for line in text.splitlines() if not line.startswith("%")]
    joined = "\n".join(body)
    assert joined.count("{") == joined.count("}")
    assert joined.count("$") % 2 == 0
    assert joined.count(r"\begin{table*}") == joined.count(r"\end{table*}") == 3
    assert joined.isascii()
    assert not re.search(r"(?<!\\)[%#_]", joined)
    # Cells of two lines are small tables of their own.
    for tabular in joined.split(r"\begin{tabular}{")[1:]:
        columns = re.match(r"(lr*)\}", tabular)
        assert columns
        cells = {line.count(" & ") + 1 for line in tabular.splitlines() if " & " in line}
        assert cells == {len(columns[1])}


def test_ablations_are_told_apart_by_what_they_lack(make):
    without = {"whole": {"net": NET, "loss": LOSS}}
    without["no_srct"] = {"net": NET | {"srct": "off"}, "loss": LOSS}
    table = read(make(without, table="table2")).set_index("Method")
    assert list(table.loc["no srct", ["ASPP", "SRCT", "SRTE"]]) == ["+", "-", "+"]
    assert table.loc["no srct", "PSNR_printed"] == 42.8017
    assert table.loc["whole", "PSNR_printed"] == 45.4666


def test_loss_ablations_have_their_own_printed_row(make):
    methods = {"no_ffl": {"net": NET, "loss": LOSS | {"ffl": 0.0}}}
    table = read(make(methods, table="table3")).set_index("Method")
    assert list(table.loc["no ffl", ["IGDL3D", "FFL3D"]]) == ["+", "-"]
    assert table.loc["no ffl", "CS_printed"] == 0.7068


def test_a_variant_that_the_paper_lacks_has_no_printed_values(make):
    methods = {"physics": {"net": NET | {"physics": "mlem"}, "loss": LOSS}}
    table = read(make(methods)).set_index("Method")
    assert table["PSNR_printed"].isna()["physics"]


def test_rows_scored_on_different_scans_are_refused(make):
    frames = {"x2ct": scores(0, scans=tuple("abcdez")), "srnet3d": scores(0)}
    with pytest.raises(SrnetError, match="different scans"):
        make(METHODS, frames=frames)
