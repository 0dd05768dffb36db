"""A table of film pairs, and messages that name the row."""

import pytest

from srnet.clinical.case import Case, read_cases
from srnet.core.errors import SrnetError
from srnet.imaging.geometry import View
from tests.fixtures.mutations import count_outcomes

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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path, encoding, end):
    lines = [f"{HEAD.strip()}\t\t", '"one"\tWirbelsäule.dcm\t"b c.dcm"\t\t\t\t\t', "\t\t\t", ""]
    table = tmp_path / "films.tsv"
    table.write_bytes(end.join(lines).encode(encoding))
    (case,) = read_cases(table)
    assert (case.case, case.mirror) == ("one", ())
    assert case.ap == str(tmp_path / "Wirbelsäule.dcm")
    assert case.lateral == str(tmp_path / "b c.dcm")


def test_a_comma_among_blanks_is_not_taken_for_a_separator(tmp_path):
    table = tmp_path / "films.tsv"
    table.write_text(f"{HEAD}one\ta\tb\t\t1,5 2\t\n", encoding="utf-8")
    with pytest.raises(SrnetError, match="spacing_mm"):
        read_cases(table)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{HEAD}one\tWirbelsäule\tb\t\t\t\n".encode("latin-1"), "it is not UTF-8"),
        (f"{HEAD}one\ta\0\tb\t\t\t\n".encode(), "value 0"),
        (f"{HEAD}one\ta\tb\t\t\t\tmore\n".encode(), "row one: has 7 cells"),
        (b"case\tap\tap\tlateral\none\ta\tb\tc\n", "several columns named ap"),
        (f'{HEAD}one\t"a\tb\t\t\t\n'.encode(), "cannot be read as a table"),
        (f"{HEAD}one\t{'a' * 200_000}\tb\t\t\t\n".encode(), "cannot be read as a table"),
        (b"", "has no rows"),
        (bytes(range(256)), "cannot be read as text"),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path, content, message):
    table = tmp_path / "films.tsv"
    table.write_bytes(content)
    with pytest.raises(SrnetError, match=message) as refusal:
        read_cases(table)
    assert str(table) in str(refusal.value)


@pytest.mark.parametrize("name", ["missing.tsv", ".", "n" * 300, "a\0b"])
def test_a_table_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(SrnetError, match=r"no such table|cannot be read"):
        read_cases(tmp_path / name)


def read_table(path):
    """Read a damaged table, in the process of `count_outcomes`."""
    return read_cases(path)


@pytest.mark.slow
def test_no_damaged_table_ends_in_another_error(tmp_path):
    table = tmp_path / "films.tsv"
    row = "\t".join(["1 2 300 400", "0.14, 0.2, 0.3", "ap lateral"])
    table.write_text(
        "# a comment\n" + HEAD + "".join(f'{n}\t"a.dcm"\tb.dcm\t{row}\n' for n in range(9)),
        encoding="utf-8",
    )
    print("clinical.tsv", dict(count_outcomes(read_table, table, 300)))  # noqa: T201 - the count of each outcome


def test_the_example_table_is_valid():
    (case,) = read_cases("config/clinical.tsv")
    assert case.case == "example"
