"""Digests of files and of the code that makes them.

The workflow engine follows a script by its time stamp and never looks into
the package. Every rule therefore carries a `code` param: a digest over the
source of its script and of everything it imports from this package, read as
syntax, so that comments, docstrings, formatting and time stamps do not count.
"""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = [
    "ROOT",
    "code_digest",
    "code_listing",
    "file_digest",
    "import_closure",
    "listing_digest",
    "short_digest",
    "source_digest",
]

ROOT = Path(__file__).resolve().parents[2]
"""Folder that holds the package, the workflow and the lock of the environment."""
PACKAGE = "srnet"
IGNORED = ("srnet.config.", "srnet.provenance.", "srnet.stamp.", "srnet.atomic.", "srnet.errors.")
"""What does not change a result: settings reach a stage as params, which count
by value; how a job is recorded and its outputs are put in place is not what it
computes."""


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def listing_digest(listing: Mapping[str, str]) -> str:
    """Return one digest that stands for files, given by name and digest."""
    text = "\n".join(f"{name} {listing[name]}" for name in sorted(listing))
    return hashlib.sha256(text.encode()).hexdigest()


def short_digest(listing: Mapping[str, str]) -> str:
    """Return the code digest that stands for a listing of sources, 16 hexadecimal digits."""
    return listing_digest(listing)[:16]


@cache
def code_digest(script: str | Path, *modules: str) -> str:
    """Return a digest of the code that `script` runs, 16 hexadecimal digits.

    Parameters
    ----------
    script
        A Python file.
    modules
        Those modules that it chooses from a registry (see `import_closure`).
    """
    return short_digest(code_listing(script, *modules))


def code_listing(script: str | Path, *modules: str) -> dict[str, str]:
    """Return what `code_digest` counts: each file, relative to `ROOT`, and its digest."""
    sources = import_closure(Path(script), modules)
    return {_name(path): _source_digest(path) for path in sources}


def source_digest(name: str) -> str | None:
    """Return the digest of a source file named relative to `ROOT`, or None if it is gone."""
    path = ROOT / name
    return _source_digest(path) if path.is_file() else None


def import_closure(script: Path, modules: tuple[str, ...] = ()) -> list[Path]:
    """Return `script` and all that it runs from this package, sorted.

    A registry is a dict at the top of a module whose values name modules of
    this package, or a constant that names one. The modules in it are loaded by
    name, out of sight of an import statement: all of them count, unless
    `modules` chooses among them.
    """
    found = {script.resolve()}
    waiting = [*_loads(script.resolve(), modules), *modules]
    while waiting:
        path = _module_file(waiting.pop())
        if path is not None and path not in found:
            found.add(path)
            waiting.extend(_loads(path, modules))
    return sorted(found)


def _source_digest(path: Path) -> str:
    return _read(path).digest


def _name(path: Path) -> str:
    """Return a name of a source that is the same wherever the project lies."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


@dataclass(frozen=True)
class _Source:
    """What counts of one file: its imports from this package, registries, digest of its syntax."""

    imports: tuple[str, ...]
    registries: tuple[frozenset[str], ...]
    digest: str


@cache
def _read(path: Path) -> _Source:
    """Parse a file, once: every process of the engine reads all of them."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    nodes = list(ast.walk(tree))
    imports = tuple(name for node in nodes for name in _imported(node))
    registries = tuple(filter(None, map(_registered, tree.body)))
    # A line more in a registry changes nothing for the modules already there.
    tree.body = [node for node in tree.body if not _registered(node)]
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [line for line in node.body if not _is_text(line)] or [ast.Pass()]
    return _Source(imports, registries, hashlib.sha256(_syntax(tree).encode()).hexdigest())


def _syntax(node: Any) -> str:
    """Return syntax as text, the same under every version of Python that can parse it.

    A new version adds fields to what it knew, empty in older code. `ast.dump` shows some of
    them, and which differs between versions.
    """
    if isinstance(node, ast.AST):
        fields = ", ".join(f"{name}={_syntax(value)}" for name, value in _filled(node))
        return f"{type(node).__name__}({fields})"
    if isinstance(node, list):
        return f"[{', '.join(map(_syntax, node))}]"
    return repr(node)


def _filled(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield the fields that hold something."""
    for name, value in ast.iter_fields(node):
        if isinstance(node, ast.JoinedStr):
            # Python 3.12 alone ends the format `>{width}` in an empty text.
            yield name, [part for part in value if getattr(part, "value", None) != ""]
        elif value not in (None, []):
            yield name, value


def _is_text(node: ast.stmt) -> bool:
    """Tell a docstring, of a module, class, function or constant."""
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return text and isinstance(node.value.value, str)  # type: ignore[attr-defined]


def _imported(node: ast.AST) -> list[str]:
    """Return the names of this package that a statement imports, which may be modules."""
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.startswith(f"{PACKAGE}.")]


def _loads(path: Path, chosen: tuple[str, ...]) -> Iterator[str]:
    """Yield the modules that a file imports or, unless chosen among, has in a registry."""
    source = _read(path)
    yield from source.imports
    for registered in source.registries:
        if registered.isdisjoint(chosen):
            yield from registered


def _registered(node: ast.stmt) -> frozenset[str]:
    """Return the modules in a registry, or nothing for any other statement."""
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return frozenset()
    named = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
    values = [getattr(one, "value", None) for one in named]
    names = frozenset(v for v in values if isinstance(v, str) and v.startswith(f"{PACKAGE}."))
    return names if all(value in names for value in values) else frozenset()


def _module_file(module: str) -> Path | None:
    """Return the source of a module whose code counts, or None.

    `__init__` files hold nothing but a docstring (a test keeps them so) and
    need not be followed.
    """
    if not module.startswith(f"{PACKAGE}.") or f"{module}.".startswith(IGNORED):
        return None
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    return path if path.is_file() else None
