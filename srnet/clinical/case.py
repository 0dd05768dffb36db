"""One patient's pair of films, and a table of them."""

import codecs
import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from srnet.config.base import Settings
from srnet.core.errors import SrnetError
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
    cases = [_parse(table, row) for row in _rows(table)]
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


def _rows(table: Path) -> Iterator[dict[str, str]]:
    """Yield the cells of each row by column, empty ones left out."""
    lines = (line for line in StringIO(_read_text(table), newline=None) if line[0] != "#")
    reader = csv.reader(lines, delimiter="\t", strict=True)
    try:
        head = [name.strip() for name in next(reader, [])]
        if repeated := sorted({name for name in head if name and head.count(name) > 1}):
            raise SrnetError(f"{table}: has several columns named {', '.join(repeated)}; keep one")
        for cells in reader:
            if any(cells[len(head) :]):
                raise SrnetError(
                    f"{table}, row {' '.join(cells[:1])}: has {len(cells)} cells, and the table "
                    f"has {len(head)} columns; separate cells by one tab each"
                )
            if row := {
                name: cell for name, cell in zip(head, cells, strict=False) if cell.strip()
            }:
                yield row
    except csv.Error as failure:
        raise SrnetError(
            f"{table}: cannot be read as a table ({failure}); write one row a line, cells "
            "separated by tabs, without lone quotation marks"
        ) from None


def _read_text(table: Path) -> str:
    try:
        if not table.is_file():
            raise SrnetError(f"{table}: no such table; config/clinical.tsv is an example")
        content = table.read_bytes()
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as failure:
        reason = getattr(failure, "strerror", None) or "it is not UTF-8"
        raise SrnetError(
            f"{table}: cannot be read as text ({reason}); save it as UTF-8 with tabs between cells"
        ) from None
    if "\0" in text:
        raise SrnetError(
            f"{table}: holds bytes of value 0, which no text does; save it as UTF-8 with tabs "
            "between cells"
        )
    return text


def _parse(table: Path, row: dict[str, str]) -> Case:
    films = {name: str(table.parent / row[name]) for name in ("ap", "lateral") if name in row}
    try:
        return Case.parse(row | films)
    except SrnetError as mistake:
        reason = str(mistake).removeprefix("configuration: ")
        raise SrnetError(f"{table}, case {row.get('case', '?')}: {reason}") from None
