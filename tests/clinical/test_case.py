"""A table of film pairs, and messages that name the row."""

import pytest

from srnet.clinical.case import Case, read_cases
from srnet.core.errors import SrnetError
from srnet.imaging.geometry import View

HEAD = "case\tap\tlateral\tap_box\tspacing_mm\tmirror\n"


def test_cells_are_numbers_and_paths_are_relative_to_the_table(tmp_path):
    table = tmp_path / "films.tsv"
    table.write_text(
        f"# a comment\n{HEAD}one\ta.dcm\tb.dcm\t1 2 300 400\t0.14\tap lateral\n", encoding="utf-8"
    )
    (case,) = read_cases(table)
    assert case.ap == str(tmp_path / "a.dcm")
    assert case.ap_box == (1, 2, 300, 400)
    assert case.spacing_mm == (0.14, 0.14, 0.14)
    assert case.mirror == ("ap", "lateral")
    assert Case.parse(case.plain()) == case


def test_three_spacings_belong_to_the_axes_of_the_body():
    case = Case(ap="a", lateral="b", spacing_mm=(4.0, 3.0, 3.5))
    assert case.pixel_mm(View.AP) == (4.0, 3.5)
    assert case.pixel_mm(View.LATERAL) == (4.0, 3.0)


@pytest.mark.parametrize("cell", ["4 3 3.5", "4.0, 3, 3.5", "4.0,3.0,3.5"])
def test_three_spacings_stand_in_one_cell(tmp_path, cell):
    table = tmp_path / "films.tsv"
    table.write_text(f"{HEAD}one\ta.dcm\tb.dcm\t\t{cell}\t\n", encoding="utf-8")
    assert read_cases(table)[0].spacing_mm == (4.0, 3.0, 3.5)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "has no rows"),
        ("one\ta\tb\t\t\t\none\ta\tb\t\t\t\n", "several rows named one"),
        ("one\ta\tb\t1 2 3\t\t\n", "case one: 'ap_box"),
        ("one\ta\t\t\t\t\n", "case one: 'lateral'"),
        ("../up\ta\tb\t\t\t\n", "case ../up: 'case'"),
        ("one\ta\tb\t\t-1\t\n", "above 0 mm"),
        ("one\ta\tb\t\t\tsideways\n", "'mirror.0'"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, rows, message):
    table = tmp_path / "films.tsv"
    table.write_text(HEAD + rows, encoding="utf-8")
    with pytest.raises(SrnetError, match=message):
        read_cases(table)


def test_the_example_table_is_valid():
    (case,) = read_cases("config/clinical.tsv")
    assert case.case == "example"
