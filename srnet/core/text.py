"""Texts that people write: tables separated by tabs, and configurations in YAML.

What spreadsheets and editors make of them is read where it is clear, and refused by name where it
is not: another encoding, cells without a column, a file that unfolds into millions of values.
"""

import codecs
import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from srnet.core.errors import SrnetError

_MOST_VALUES = 100_000
"""Values of a configuration, aliases unfolded; more are a mistake or an attack."""


def read_text(path: str | Path) -> str:
    """Return the text of a file in UTF-8, with or without its mark, or in UTF-16 with it.

    Raises
    ------
    SrnetError
        If it cannot be opened, or is no such text.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or "it is not UTF-8"
        raise SrnetError(f"{path}: cannot be read as text ({reason}); save it as UTF-8") from None
    if "\0" in text:
        raise SrnetError(f"{path}: holds bytes of value 0, which no text does; save it as UTF-8")
    return text


def read_rows(
    path: str | Path, columns: Sequence[str] | None = None, comments: bool = False
) -> list[dict[str, str]]:
    """Return the rows of a table whose cells are separated by tabs, by column.

    Parameters
    ----------
    path
        The table; its first line names the columns.
    columns
        The columns that it must have, in this order; any if not given.
    comments
        Whether lines that begin with # are passed over.

    Raises
    ------
    SrnetError
        If it is no such table, or a row has more or fewer cells than there are columns. Trailing
        empty cells may be missing.
    """
    lines = StringIO(read_text(path), newline=None)
    kept = (line for line in lines if not (comments and line.startswith("#")))
    reader = csv.reader(kept, delimiter="\t", strict=True)
    rows = []
    try:
        head = [name.strip() for name in next(reader, [])]
        if columns is not None and head != list(columns):
            raise SrnetError(
                f"{path}: has the columns {head}, not {list(columns)}, separated by tabs; "
                "delete it and make it again"
            )
        if repeated := sorted({name for name in head if name and head.count(name) > 1}):
            raise SrnetError(f"{path}: has several columns named {', '.join(repeated)}; keep one")
        for cells in filter(any, reader):
            if any(cells[len(head) :]):
                raise SrnetError(
                    f"{path}, row {' '.join(cells[:1])}: has {len(cells)} cells, and the table "
                    f"has {len(head)} columns; separate cells by one tab each"
                )
            if columns is not None and len(cells) < len(head):
                raise SrnetError(
                    f"{path}, row {' '.join(cells[:1])}: has {len(cells)} cells of {len(head)}; "
                    "the file was cut short, so make it again"
                )
            rows.append(dict.fromkeys(head, "") | dict(zip(head, cells, strict=False)))
    except csv.Error as failure:
        raise SrnetError(
            f"{path}: cannot be read as a table ({failure}); write one row a line, cells "
            "separated by tabs, without lone quotation marks"
        ) from None
    return rows


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; nothing is an empty one.

    Raises
    ------
    SrnetError
        If it is no YAML, holds something else than a mapping, or unfolds into too many values.
    """
    import yaml

    text = read_text(path)
    try:
        _refuse_repeated(yaml.compose(text, yaml.SafeLoader))
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as failure:
        reason = " ".join(str(failure).split())[:300]
        raise SrnetError(f"{path}: is no YAML ({reason}); correct it") from None
    content = {} if content is None else content
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise SrnetError(f"{path}: holds no keys with values; write KEY: VALUE on each line")
    _refuse_endless(path, content)
    return content


def _refuse_repeated(top: Any) -> None:
    """Raise `ValueError` if a key is given twice, of which YAML would keep the last in silence."""
    waiting, seen = [top], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(getattr(node, "value", None), list):
            continue
        seen.add(id(node))
        pairs = [part if isinstance(part, tuple) else (part,) for part in node.value]
        waiting += [part for pair in pairs for part in pair]
        names = [pair[0].value for pair in pairs if len(pair) > 1]
        for number, name in enumerate(names):
            if isinstance(name, str) and name in names[:number]:
                line = pairs[number][0].start_mark.line + 1
                raise ValueError(f"line {line}: '{name}' is given twice; keep one of them")


def _refuse_endless(path: str | Path, content: Any) -> None:
    """Refuse what aliases of aliases unfold into, before anything walks through it."""
    waiting, seen = [content], 0
    while waiting:
        value = waiting.pop()
        seen += 1
        if seen > _MOST_VALUES:
            raise SrnetError(
                f"{path}: unfolds into more than {_MOST_VALUES} values; remove its aliases"
            )
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set):
            waiting += value
