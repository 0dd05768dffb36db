"""One table, four formats: CSV for programs, Markdown, LaTeX and HTML for readers."""

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from srnet.core.atomic import write_text
from srnet.core.errors import SrnetError
from srnet.evaluate.metrics import BLOCKS, METRICS, Metric
from srnet.tables.page import html_page

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


class Cell(NamedTuple):
    """A mean with its interval where it has one, or a label."""

    text: str
    interval: str = ""


@dataclass(frozen=True)
class Block:
    """A part of the table as text cells, narrow enough to read."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def reasons(scores: Mapping[str, pd.DataFrame], metrics: Sequence[str]) -> list[str]:
    """Return a line for every metric without a value for some scores, with the reason."""
    lines = []
    for metric in metrics:
        missing = sum(int(frame[metric].isna().sum()) for frame in scores.values())
        total = sum(map(len, scores.values()))
        if missing:
            why = METRICS[metric].undefined
            lines.append(f"{metric}: no value for {missing} of {total} scores: {why}")
    return lines


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


def blocks(table: Table) -> list[Block]:
    """Return what a reader sees: the paper's columns with its values, then the strict ones.

    Columns that the table does not have, and blocks without any, are left out.
    """
    found = []
    for caption, metrics in BLOCKS.items():
        columns = [metric for metric in metrics if metric.name in table.rows]
        if columns:
            found.append(_block(caption, table, columns))
    return found


def _block(caption: str, table: Table, columns: Sequence[Metric]) -> Block:
    rows = []
    for _, row in table.rows.iterrows():
        signs = [Cell(str(row[sign])) for sign in table.signs]
        rows.append((Cell(str(row["Method"])), *signs, *(_cell(row, c) for c in columns)))
        printed = [row.get(f"{column.name}_printed", math.nan) for column in columns]
        if not all(math.isnan(value) for value in printed):
            # A value of the paper has the digits that it prints.
            cells = (Cell(_EMPTY if math.isnan(v) else repr(float(v))) for v in printed)
            rows.append((Cell(f"{row['Method']} (printed)"), *signs, *cells))
    return Block(caption, ("Method", *table.signs, *map(_head, columns)), tuple(rows))


def _head(column: Metric) -> str:
    named = column.unit and not column.name.endswith(f"_{column.unit}")
    unit = f" ({column.unit})" if named else ""
    return f"{column.name}{unit} {_ARROWS[column.better]}"


def _cell(row: "pd.Series[float]", column: Metric) -> Cell:
    mean, low, high = (row.get(f"{column.name}{end}", math.nan) for end in ("", "_low", "_high"))
    if math.isnan(low):
        return Cell(_number(mean, column.digits))
    ends = f"[{_number(low, column.digits)}, {_number(high, column.digits)}]"
    return Cell(_number(mean, column.digits), ends)


def _number(value: float, digits: int) -> str:
    return _EMPTY if math.isnan(value) else f"{value:.{digits}f}"


def _csv(table: Table) -> str:
    body = table.rows.to_csv(index=False, float_format="%.9g", lineterminator="\n")
    return body + "".join(f"# {note}\n" for note in table.notes)


def _markdown(table: Table) -> str:
    lines = [f"# {table.title}", ""]
    for block in blocks(table):
        lines += [f"## {block.caption}", "", _bar(block.heads)]
        lines.append(_bar(["---"] + ["---:"] * (len(block.heads) - 1)))
        lines += [_bar([" ".join(cell).strip() for cell in row]) for row in block.rows]
        lines.append("")
    return "\n".join([*lines, *(f"- {note}" for note in table.notes)]) + "\n"


def _bar(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _latex(table: Table) -> str:
    """Return a float for each block, which share one number, and the notes below the last."""
    floats = [_latex_float(table.title, block) for block in blocks(table)]
    again = "\\end{table*}\n\\begin{table*}\n\\addtocounter{table}{-1}\n"
    return rf"""% \usepackage{{graphicx}} makes wide tables fit the page.
\begin{{table*}}
{again.join(floats)}\par\smallskip
\parbox{{\textwidth}}{{\scriptsize\raggedright {_tex("; ".join(table.notes))}}}
\end{{table*}}
"""


def _latex_float(title: str, block: Block) -> str:
    what = title.rpartition(": ")[2]
    heads = [_tex_stack(*_break_head(head)) for head in block.heads]
    body = "\n".join(
        _tex_line([_tex_stack(cell.text, cell.interval, r"\tiny ") for cell in row])
        for row in block.rows
    )
    return rf"""\caption{{{_tex(f"{what[:1].upper()}{what[1:]}. {block.caption}.")}}}
\centering\scriptsize\setlength{{\tabcolsep}}{{2pt}}\renewcommand{{\arraystretch}}{{1.2}}
\medskip\resizebox{{\ifdim\width>\textwidth\textwidth\else\width\fi}}{{!}}
{{\begin{{tabular}}{{l{"r" * (len(heads) - 1)}}}
\hline
{_tex_line(heads)}
\hline
{body}
\hline
\end{{tabular}}}}
"""


def _break_head(head: str) -> tuple[str, str]:
    """Return the two lines of a head: the arrow stays by the name, above the unit."""
    name, _, rest = head.partition(" ")
    unit, _, arrow = rest.rpartition(" ")
    return f"{name} {arrow}".strip(), unit


def _tex_line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _tex_stack(first: str, second: str, size: str = "") -> str:
    """Return two lines, the first level with the rest of the row, or one without a second."""
    if not second:
        return _tex(first)
    lines = rf"{_tex(first)}\\[-2pt]{size}{_tex(second)}"
    return rf"\begin{{tabular}}[t]{{@{{}}r@{{}}}}{lines}\end{{tabular}}"


_TEX = {character: rf"\{character}" for character in "_%#&${}"}
_TEX |= {"<": "$<$", ">": "$>$", "\\": r"\textbackslash{}", "~": r"\~{}", "^": r"\^{}"}
_TEX |= {"²": "$^2$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", _EMPTY: "--"}


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)


def _html(table: Table) -> str:
    parts = []
    for block in blocks(table):
        # The arrow stays on the line of the last word.
        bound = ("\u00a0".join(head.rsplit(" ", 1)) for head in block.heads)
        heads = "".join(f"<th>{html.escape(head)}</th>" for head in bound)
        parts.append(f'<div class="wide"><table><caption>{html.escape(block.caption)}</caption>')
        parts += [
            f"<tr>{heads}</tr>",
            *(f"<tr>{''.join(map(_html_cell, row))}</tr>" for row in block.rows),
        ]
        parts.append("</table></div>")
    notes = "\n".join(f"<li>{html.escape(note)}</li>" for note in table.notes)
    parts.append(f'<ul class="muted">\n{notes}\n</ul>')
    return html_page(table.title, "\n".join(parts), style="small { color: #666; }")


def _html_cell(cell: Cell) -> str:
    interval = f"<br><small>{html.escape(cell.interval)}</small>" if cell.interval else ""
    return f"<td>{html.escape(cell.text)}{interval}</td>"


_WRITERS: dict[str, Callable[[Table], str]] = {
    ".csv": _csv,
    ".md": _markdown,
    ".tex": _latex,
    ".html": _html,
}
