"""One patient's pair of films, and a table of them."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from srnet.config.base import Settings
from srnet.core.errors import SrnetError
from srnet.core.text import read_rows
from srnet.imaging.geometry import View

Corners = tuple[int, int, int, int]


class Case(Settings):
    """Two films and what a person has to say about them.

    Cells of the table are text; several numbers are separated by spaces, and
    an empty cell leaves the default.
    """

    case: str = Field(
        "case",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="name of the output folder; choose one that does not name the patient",
    )
    ap: str = Field(description="file of the frontal film")
    lateral: str = Field(description="file of the lateral film")
    ap_box: Corners | None = Field(None, description="x0 y0 x1 y1 on the frontal film, in pixels")
    lateral_box: Corners | None = Field(None, description="the same on the lateral film")
    spacing_mm: tuple[float, float, float] | None = Field(
        None,
        description="pixel spacing in the plane of the spine, overriding the files; one number, "
        "or three: craniocaudal, anteroposterior, left-right",
    )
    invert: Literal["auto", "yes", "no"] = Field(
        "auto", description="exchange black and white; auto: where the training x-rays say so"
    )
    mirror: tuple[Literal["ap", "lateral"], ...] = Field(
        (), description="films whose columns run the wrong way"
    )
    force: bool = Field(False, description="go on although a check refuses the films")

    @field_validator("ap_box", "lateral_box", "mirror", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _words(value)

    @field_validator("spacing_mm", mode="before")
    @classmethod
    def _repeat(cls, value: Any) -> Any:
        if value is None:
            return None
        numbers = _words(value)
        numbers = tuple(numbers) if isinstance(numbers, list | tuple) else (numbers,)
        return numbers * 3 if len(numbers) == 1 else numbers

    @field_validator("spacing_mm")
    @classmethod
    def _check_positive(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and min(value) <= 0:
            raise ValueError("must be above 0 mm")
        return value

    def pixel_mm(self, view: View) -> tuple[float, float] | None:
        """Return the spacing of rows and of columns that was given for a view."""
        if self.spacing_mm is None:
            return None
        return self.spacing_mm[0], self.spacing_mm[view.columns]


def read_cases(table: str | Path) -> list[Case]:
    """Read a table of film pairs, separated by tabs; its columns are the fields of `Case`.

    The text is UTF-8, or UTF-16 with a mark at its begin, as spreadsheets write it. Lines that
    begin with `#` and empty ones do not count. Film paths are relative to the table's folder.

    Raises
    ------
    SrnetError
        If the table is missing, empty or no text, a row is wrong, or two rows have one name.
    """
    table = Path(table)
    cases = [_parse(table, row) for row in read_rows(table, comments=True)]
    names = [case.case for case in cases]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or not cases:
        what = f"has several rows named {', '.join(repeated)}" if repeated else "has no rows"
        raise SrnetError(f"{table}: {what}; give one row per pair of films, each its own name")
    return cases


def _words(value: Any) -> Any:
    """Return the words of a cell of a table; values other than text stay as they are."""
    if not isinstance(value, str):
        return value
    # Either commas or blanks: in "1,5 2" the comma would be a decimal one.
    parts = value.split(",") if "," in value else value.split()
    return tuple(part.strip() for part in parts)


def _parse(table: Path, cells: dict[str, str]) -> Case:
    row = {name: cell for name, cell in cells.items() if cell.strip()}
    films = {name: str(table.parent / row[name]) for name in ("ap", "lateral") if name in row}
    try:
        return Case.parse(row | films)
    except SrnetError as mistake:
        reason = str(mistake).removeprefix("configuration: ")
        raise SrnetError(f"{table}, case {row.get('case', '?')}: {reason}") from None
