"""One table, four formats: CSV for programs, Markdown, LaTeX and HTML for readers."""

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from srnet.atomic import write_text
from srnet.errors import SrnetError
from srnet.evaluate.columns import PAPER, STRICT, Column

__all__ = ["Block", "Table", "blocks", "write_table"]

_EMPTY = "\u2013"
_ARROWS = {"higher": "↑", "lower": "↓"}


@dataclass(frozen=True)
class Table:
    """A table as data.

    Attributes
    ----------
    title
        What the paper calls it.
    signs
        Names of the columns of signs after the method.
    rows
        One row per method: `Method`, signs, a mean per metric, `*_low`,
        `*_high` and `*_printed`.
    notes
        What must be known to read it, one line each.
    """

    title: str
    signs: tuple[str, ...]
    rows: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A part of the table as text cells, narrow enough to read."""

    caption: str
    heads: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]


def write_table(path: str | Path, table: Table) -> None:
    """Write `table` in the format that the suffix of `path` names.

    Raises
    ------
    SrnetError
        If there is no such format.
    """
    suffix = Path(path).suffix
    if suffix not in _WRITERS:
        raise SrnetError(f"{path}: no table format '{suffix}'; use one of {', '.join(_WRITERS)}")
    write_text(path, _WRITERS[suffix](table))


def blocks(table: Table) -> tuple[Block, Block]:
    """Return what a reader sees: the paper's columns with its values, then the strict ones."""
    return (
        _block("In the paper's convention", table, PAPER, printed=True),
        _block("In the strict convention", table, STRICT, printed=False),
    )


def _block(caption: str, table: Table, columns: Sequence[Column], printed: bool) -> Block:
    heads = [_head(column) for column in columns]
    cells = []
    for _, row in table.rows.iterrows():
        signs = [str(row[sign]) for sign in table.signs]
        ours = [_cell(row, column) for column in columns]
        cells.append((str(row["Method"]), *signs, *ours))
        values = [row.get(f"{column.name}_printed", math.nan) for column in columns]
        if printed and not all(math.isnan(value) for value in values):
            theirs = [_number(value, c.digits) for value, c in zip(values, columns, strict=True)]
            cells.append((f"{row['Method']} (printed)", *signs, *theirs))
    return Block(caption, ("Method", *table.signs, *heads), tuple(cells))


def _head(column: Column) -> str:
    unit = f" ({column.unit})" if column.unit else ""
    return f"{column.name}{unit} {_ARROWS[column.better]}"


def _cell(row: "pd.Series[float]", column: Column) -> str:
    """Return a mean with its interval, or a dash."""
    low = row.get(f"{column.name}_low", math.nan)
    high = row.get(f"{column.name}_high", math.nan)
    mean = _number(row[column.name], column.digits)
    if math.isnan(low):
        return mean
    return f"{mean} [{_number(low, column.digits)}, {_number(high, column.digits)}]"


def _number(value: float, digits: int) -> str:
    return _EMPTY if math.isnan(value) else f"{value:.{digits}f}"


def _csv(table: Table) -> str:
    body = table.rows.to_csv(index=False, float_format="%.9g", lineterminator="\n")
    return body + "".join(f"# {note}\n" for note in table.notes)


def _markdown(table: Table) -> str:
    lines = [f"# {table.title}", ""]
    for block in blocks(table):
        lines += [f"{block.caption}: mean over the test scans [95 % interval].", ""]
        lines += [_bar(block.heads), _bar(["---"] + ["---:"] * (len(block.heads) - 1))]
        lines += [*(_bar(row) for row in block.cells), ""]
    return "\n".join([*lines, *(f"- {note}" for note in table.notes)]) + "\n"


def _bar(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _latex(table: Table) -> str:
    lines = []
    for block in blocks(table):
        lines += [r"\begin{table}", r"\caption{" + _tex(f"{table.title}. {block.caption}") + "}"]
        lines += [r"\begin{tabular}{l" + "r" * (len(block.heads) - 1) + "}", r"\hline"]
        lines += [_tex_row(block.heads), r"\hline", *(_tex_row(row) for row in block.cells)]
        lines += [r"\hline", r"\end{tabular}", r"\end{table}"]
    return "\n".join([*lines, *(f"% {note}" for note in table.notes)]) + "\n"


def _tex_row(cells: Sequence[str]) -> str:
    return " & ".join(_tex(cell) for cell in cells) + r" \\"


_TEX = {"_": r"\_", "%": r"\%", "^": r"\^{}", "#": r"\#", "&": r"\&", _EMPTY: "--"}
_TEX |= {"↑": r"$\uparrow$", "↓": r"$\downarrow$"}


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)


def _html(table: Table) -> str:
    title = html.escape(table.title)
    parts = [f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>']
    parts += [f"<style>{_STYLE}</style>", f"<h1>{title}</h1>"]
    for block in blocks(table):
        parts.append(f"<table><caption>{html.escape(block.caption)}</caption>")
        parts.append(_html_row(block.heads, "th"))
        parts += [*(_html_row(row, "td") for row in block.cells), "</table>"]
    parts += ["<ul>", *(f"<li>{html.escape(note)}</li>" for note in table.notes), "</ul></html>"]
    return "\n".join(parts) + "\n"


_STYLE = (
    "body{font:15px system-ui,sans-serif;margin:2rem}table{border-collapse:collapse;margin:1rem 0}"
    "td,th{padding:.25rem .6rem;border-bottom:1px solid #ccc;text-align:right;white-space:nowrap}"
    "td:first-child,th:first-child{text-align:left}caption{text-align:left;font-weight:600}"
)


def _html_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


_WRITERS: dict[str, Callable[[Table], str]] = {
    ".csv": _csv,
    ".md": _markdown,
    ".tex": _latex,
    ".html": _html,
}
