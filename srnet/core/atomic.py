"""Atomic writes, so that a killed job leaves no half-written file under a final name.

Also: output folders that are never overwritten.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from srnet.core.errors import SrnetError

_PARTIAL = re.compile(r"\.[0-9a-f]{8}\.partial\..+|\.tmp[A-Za-z0-9]{6}")
"""Names of `_partial`, and those that the writer of safetensors gives its temporary files."""

_LONGEST_NAME = 255


def is_partial(path: str | Path) -> bool:
    """Tell from its name whether a file or folder is, or lies in, something half-written."""
    return any(_PARTIAL.fullmatch(part) for part in Path(path).parts)


def _partial(target: str | Path) -> Path:
    """Return a new path beside `target`, whose folder is made if need be."""
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    start, end = f".{secrets.token_hex(4)}.partial.", target.name
    # A file system limits a name to 255 bytes; the suffix stays whole.
    while len(os.fsencode(start + end)) > _LONGEST_NAME:
        end = end[1:]
    return target.with_name(start + end)


def remove_partials(paths: Iterable[Path]) -> None:
    """Remove those of `paths` that a killed writer has left half-written."""
    for path in paths:
        if not is_partial(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a path beside `target` that is renamed to it on success.

    The temporary file keeps all suffixes of the target (`.nii.gz`), since most writers choose
    their format by them. After an exception it is removed and the target is unchanged.
    """
    partial = _partial(target)
    try:
        yield partial
        with partial.open("rb+") as handle:
            os.fsync(handle.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: str | Path) -> Iterator[Path]:
    """Yield a new folder beside `target` that is renamed to it on success.

    `target` must not exist, or be an empty folder. After an exception nothing is left behind.
    """
    with scratch_folder(target) as partial:
        yield partial
        partial.replace(target)


@contextmanager
def scratch_folder(target: str | Path) -> Iterator[Path]:
    """Yield a new folder beside `target`, for writers that make files of their own; remove it."""
    partial = _partial(target)
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(target: str | Path, text: str) -> None:
    r"""Write `text` to `target` atomically, in UTF-8.

    Bytes of file names in another encoding, which UTF-8 cannot write, become `\udcff`.
    """
    with atomic_path(target) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def refuse_existing(out: str | Path) -> None:
    """Raise `SrnetError` if `out` is a file, or a folder that is not empty."""
    out = Path(out)
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise SrnetError(f"{out}: already exists; choose another folder, or remove it first")
