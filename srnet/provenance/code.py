"""Digests of the code that makes an artifact.

The workflow engine follows a script by its time stamp and never looks into the package. Every
rule therefore carries a `code` param: a digest over the source of its script and of everything
it imports from this package, read as syntax, so that comments, docstrings, formatting and time
stamps do not count.
"""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from srnet.core.digest import listing_digest

ROOT = Path(__file__).resolve().parents[2]
"""Folder that holds the package, the workflow and the lock of the environment."""
PACKAGE = "srnet"
IGNORED = (
    "srnet.config.",
    "srnet.provenance.",
    "srnet.core.stamp.",
    "srnet.core.atomic.",
    "srnet.core.errors.",
    "srnet.core.digest.",
)
"""Code that changes no result: settings reach a stage as params, which count by value; how a
job is recorded and how its outputs are put in place is not what it computes."""


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

    A registry is a dict at the top of a module whose values all are modules of this package
    or attributes of such, and which alone uses their imports. All of its modules count,
    unless `modules` chooses among them. A program that is started by its name counts where a
    constant at the top of a module holds that name.
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
class _SourceFile:
    """What counts of one file: its imports from this package, registries, digest of its syntax."""

    imports: tuple[str, ...]
    registries: tuple[frozenset[str], ...]
    digest: str


@cache
def _read(path: Path) -> _SourceFile:
    """Parse a file, once: every process of the engine reads all of them."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    nodes = list(ast.walk(tree))
    registries = {node: names for node in tree.body if (names := _registered(node, tree))}
    # A line more in a registry changes nothing for the modules already there.
    tree.body = [node for node in tree.body if node not in registries]
    modules = frozenset[str]().union(*registries.values())
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [line for line in node.body if not _is_text(line)] or [ast.Pass()]
        if isinstance(node, ast.ImportFrom):
            node.names = [n for n in node.names if f"{node.module}.{n.name}" not in modules]
    imports = tuple(name for node in nodes for name in _imported(node))
    started = (name for node in tree.body for name in _started(node))
    digest = hashlib.sha256(_syntax(tree).encode()).hexdigest()
    return _SourceFile((*imports, *started), tuple(registries.values()), digest)


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


def _registered(node: ast.stmt, tree: ast.Module) -> frozenset[str]:
    """Return the modules in a registry, or nothing for any other statement."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Dict):
        return frozenset()
    imported = {
        alias.asname or alias.name: f"{line.module}.{alias.name}"
        for line in tree.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    roots = [one.value if isinstance(one, ast.Attribute) else one for one in node.value.values]
    names = [imported.get(root.id, "") if isinstance(root, ast.Name) else "" for root in roots]
    own = all(_module_file(name) for name in names)
    return frozenset(names) if names and own else frozenset()


def _started(node: ast.stmt) -> list[str]:
    """Return the module of this package that a constant at the top of a module names, if any."""
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    text = value.value if isinstance(value, ast.Constant) else None
    return [text] if isinstance(text, str) and text.startswith(f"{PACKAGE}.") else []


def _module_file(module: str) -> Path | None:
    """Return the source of a module whose code counts, or None.

    `__init__` files hold nothing but a docstring (a test keeps them so) and
    need not be followed.
    """
    if not module.startswith(f"{PACKAGE}.") or f"{module}.".startswith(IGNORED):
        return None
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    return path if path.is_file() else None
