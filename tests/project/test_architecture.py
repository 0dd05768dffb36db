"""The rooms of the package, their layers, and names and constants that exist once."""

import ast
import re
from collections import Counter, defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "srnet"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(
        path.read_text(encoding="utf-8")
    )
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py"
}


def layers() -> list[list[str]]:
    """Return the rooms of each layer, the lowest first, as docs/architecture.md lists them."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.split("## Layers")[1].split("##")[0]
    rows = re.findall(r"^\| \d+ \|(.*?)\|", table, flags=re.MULTILINE)
    return [re.findall(r"`(\w+)`", row) for row in rows]


def imported(module: str) -> set[str]:
    """Return the modules of the package that a module imports, at its top or in a function."""
    found: set[str] = set()
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(MODULES) - {module}


def test_the_page_names_every_room():
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert sorted(room for layer in layers() for room in layer) == sorted(rooms)
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]


def test_no_room_imports_from_a_higher_layer():
    rank = {room: number for number, layer in enumerate(layers()) for room in layer}
    upwards = {
        f"{module} imports {other}"
        for module in MODULES
        for other in imported(module)
        if rank[other.split(".")[1]] > rank[module.split(".")[1]]
    }
    assert upwards == set()


def test_no_modules_and_no_rooms_import_each_other_in_a_circle():
    rooms: dict[str, set[str]] = defaultdict(set)
    for module in MODULES:
        room = module.split(".")[1]
        rooms[room] |= {other.split(".")[1] for other in imported(module)} - {room}
    for graph in ({module: imported(module) for module in MODULES}, rooms):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as circle:
            pytest.fail(f"import circle: {' -> '.join(circle.args[1])}")


def test_no_module_knows_the_workflow_engine():
    for module, tree in MODULES.items():
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            (node.module or "").split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
        }
        assert "snakemake" not in names, module


def test_no_class_name_exists_twice():
    names = Counter(
        node.name
        for tree in MODULES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize(
    ("number", "home"), [(2500, "imaging.target"), (4095, "evaluate.similarity")]
)
def test_a_constant_has_one_home(number, home):
    found = [
        module
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value == number and type(node.value) is not bool
    ]
    assert found == [f"srnet.{home}"]


def test_the_picture_of_the_rules_shows_those_of_the_default_run():
    text = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("workflow/rules/*.smk"))
    rules = set(re.findall(r"^ *rule (\w+):", text, flags=re.MULTILINE))
    others = {"download", "fetch_lpips", "export_model", "reconstruct_films", "clinical"}
    picture = (ROOT / "docs/images/rules.svg").read_text(encoding="utf-8")
    assert set(re.findall(r"<text[^>]*>(\w+)</text>", picture)) == rules - others | {"all"}
