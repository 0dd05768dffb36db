"""Digests of files and of the code that makes them.

The workflow engine follows a script by its time stamp and never looks into
the package. Every rule therefore carries a `code` param: a digest over the
source of its script and of everything it imports from this package, read as
syntax, so that comments, docstrings, formatting and time stamps do not count.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["code_digest", "file_digest", "import_closure"]

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "srnet"
# How a job is recorded and its outputs stamped does not change what it computes.
IGNORED = ("srnet.provenance.", "srnet.stamp", "srnet.atomic", "srnet.errors")


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def code_digest(script: str | Path, *modules: str) -> str:
    """Return a digest of the code that `script` runs, 16 hexadecimal digits.

    Parameters
    ----------
    script
        A Python file.
    modules
        Further modules of this package that it loads by name, such as
        `srnet.nets.x2ct`.
    """
    sources = import_closure(Path(script), modules)
    text = "\n".join(f"{path.relative_to(ROOT)}\n{_syntax(path)}" for path in sources)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def import_closure(script: Path, modules: tuple[str, ...] = ()) -> list[Path]:
    """Return `script`, `modules` and all they import from this package, sorted."""
    found = {script.resolve()}
    waiting = [*_imports(script.resolve()), *modules]
    while waiting:
        path = _module_file(waiting.pop())
        if path is not None and path not in found:
            found.add(path)
            waiting.extend(_imports(path))
    return sorted(found)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def _syntax(path: Path) -> str:
    """Return the syntax tree of a file as text, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def _imports(path: Path) -> Iterator[str]:
    """Yield the modules of this package that a file imports, anywhere in it."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module_file(module: str) -> Path | None:
    """Return the source of a module whose code counts, or None.

    `__init__` files hold nothing but a docstring (a test keeps them so) and
    need not be followed.
    """
    if not module.startswith(f"{PACKAGE}.") or module.startswith(IGNORED):
        return None
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    return path if path.is_file() else None
