import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from srnet.core.errors import SrnetError
from srnet.evaluate.metrics import METRICS
from srnet.tables.table_formats import Table, blocks, write_table


@pytest.fixture
def table() -> Table:
    row = {"Method": "<A & B_1>", **dict.fromkeys(METRICS, 0.5)}
    row |= {"PSNR_low": 0.25, "PSNR_high": 0.75, "PSNR_printed": 43.699, "LPIPS": np.nan}
    return Table("Table I", (), pd.DataFrame([row]), ("tests: 3", "100 % of # & _"))


def test_a_program_reads_the_csv_past_its_notes(table, tmp_path):
    write_table(tmp_path / "t.csv", table)
    read = pd.read_csv(tmp_path / "t.csv", comment="#")
    assert list(read.columns) == list(table.rows.columns)
    assert len(read) == 1


def test_every_metric_stands_in_one_block(table):
    heads = [head.split()[0] for block in blocks(table) for head in block.heads[1:]]
    assert heads == list(METRICS)


def test_empty_cells_are_dashes_and_intervals_stand_by_their_mean(table):
    row = dict(zip(blocks(table)[0].heads, blocks(table)[0].rows[0], strict=True))
    assert row["LPIPS ↓"].text == "\u2013"
    assert row["PSNR (dB) ↑"] == ("0.50", "[0.25, 0.75]")


def test_printed_values_keep_the_papers_digits(table):
    printed = blocks(table)[0].rows[1]
    assert printed[0].text == "<A & B_1> (printed)"
    assert printed[1].text == "43.699"


@pytest.mark.parametrize(
    ("suffix", "escaped"),
    [(".html", "&lt;A &amp; B_1&gt;"), (".tex", r"$<$A \& B\_1$>$"), (".md", "<A & B_1>")],
)
def test_special_characters_are_escaped(table, tmp_path, suffix, escaped):
    write_table(tmp_path / f"t{suffix}", table)
    assert escaped in (tmp_path / f"t{suffix}").read_text(encoding="utf-8")


DOCUMENT = r"""
\documentclass[10pt,twocolumn]{article}
\usepackage[letterpaper,textwidth=7.16in]{geometry}
\usepackage{graphicx}
\begin{document}\input{t}\end{document}
"""


def test_latex_sets_the_widest_table_within_a_page_of_two_columns(table, tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex on this machine: the LaTeX is not compiled")
    wide = {f"{metric}_{end}": 12345.5 for metric in METRICS for end in ("low", "high")}
    signs = {"one": "+", "two": "~^{}\\$", "three": "-"}
    rows = pd.DataFrame([table.rows.iloc[0].to_dict() | wide | signs])
    write_table(tmp_path / "t.tex", Table("Table II", tuple(signs), rows, table.notes))
    (tmp_path / "document.tex").write_text(DOCUMENT, encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "document"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout
    assert "Overfull" not in done.stdout


@pytest.mark.parametrize("suffix", [".csv", ".md", ".tex", ".html"])
def test_a_table_without_rows_has_its_notes(tmp_path, suffix):
    write_table(tmp_path / f"t{suffix}", Table("Regions", (), pd.DataFrame(), ("none labelled",)))
    assert "none labelled" in (tmp_path / f"t{suffix}").read_text(encoding="utf-8")


def test_the_html_fetches_nothing(table, tmp_path):
    write_table(tmp_path / "t.html", table)
    text = (tmp_path / "t.html").read_text(encoding="utf-8")
    assert "http://" not in text
    assert "https://" not in text


def test_an_unknown_format_is_named(table, tmp_path):
    with pytest.raises(SrnetError, match=r"no table format '.xlsx'; use one of .csv, .md"):
        write_table(tmp_path / "t.xlsx", table)
