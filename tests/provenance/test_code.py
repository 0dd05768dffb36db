"""What the code digest counts, and what it leaves out."""

import ast
import os
from pathlib import Path

import pytest

from srnet.core.digest import file_digest
from srnet.nets.registry import NETS
from srnet.provenance import code as digest
from srnet.provenance.code import ROOT, code_digest, code_listing, import_closure

SCRIPTS = ROOT / "workflow" / "scripts"
PREPARATION = (
    "acquire",
    "separate_bone",
    "resample_volume",
    "project_drr",
    "split_cohort",
    "pack_dataset",
)
PINNED = "16333bfe16a16c933479857144b385115433a89f11a7db25e348d5e97778c9c6"
HEAVY = {"torch", "lightning_fabric", "lpips", "torchvision"}


def names(script: str, *modules: str) -> set[str]:
    return {p.relative_to(ROOT).as_posix() for p in import_closure(SCRIPTS / script, modules)}


def imported_packages(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a small project of its own whose package is also named srnet."""
    monkeypatch.setattr(digest, "ROOT", tmp_path)
    for cached in (digest.code_digest, digest._read):
        cached.cache_clear()
    package = tmp_path / "srnet"
    (package / "nets").mkdir(parents=True)
    (package / "config").mkdir()
    (package / "one.py").write_text(
        '"""One."""\nfrom srnet.two import B\nA = 1\n', encoding="utf-8"
    )
    (package / "two.py").write_text("B = 2\n", encoding="utf-8")
    (package / "three.py").write_text("C = 3\n", encoding="utf-8")
    (package / "config" / "one.py").write_text("class OneSettings: ...\n", encoding="utf-8")
    (package / "nets" / "x.py").write_text("X = 1\n", encoding="utf-8")
    (package / "nets" / "y.py").write_text("Y = 1\n", encoding="utf-8")
    (package / "nets" / "registry.py").write_text(
        'from srnet.nets import x, y\nNETS = {"x": x.X, "y": y.Y}\nTEXT = {"x": "no module"}\n',
        encoding="utf-8",
    )
    (tmp_path / "plain.py").write_text(
        "from srnet.config.one import S\nfrom srnet import one\n", encoding="utf-8"
    )
    (tmp_path / "chooser.py").write_text(
        "def run():\n    import srnet.nets.registry\n", encoding="utf-8"
    )
    yield tmp_path
    for cached in (digest.code_digest, digest._read):
        cached.cache_clear()


def edit(path: Path, text: str) -> None:
    """Write `text` and keep the time stamp, as an unpacked archive may."""
    before = path.stat()
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    for cached in (digest.code_digest, digest._read):
        cached.cache_clear()


def test_file_digest_is_sha256_of_the_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_digest(tmp_path / "abc") == published


def test_the_digest_of_a_source_is_the_same_under_every_python(project):
    """Pinned: no version of Python may give another, or every stage would run again under it."""
    edit(
        project / "srnet/three.py",
        """
import math as m
from functools import cache

@cache
def f(a, /, b: int = 1, *c, d=None, **e) -> str:
    lines = [f"{a!r:>{b}} {x}" for x in c if x not in (None, ..., 1.5, b"b", 1j, True)]
    match a:
        case {"k": [1, *_]}:
            return lambda: {**e, "x": m.pi}
    with open(a) as handle:
        yield from handle

class D(dict, metaclass=type):
    async def g(self):
        try:
            await self
        except* ValueError:
            raise
""",
    )
    assert digest.source_digest("srnet/three.py") == PINNED


def test_closure_follows_imports_of_imports(project):
    found = [p.name for p in import_closure(project / "plain.py")]
    assert found == ["plain.py", "one.py", "two.py"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("srnet/one.py", '"""Another docstring."""\nfrom srnet.two import B\nA = 1\n'),
        ("srnet/two.py", "# a comment\n\n\nB = (\n    2\n)\n"),
        ("srnet/three.py", "C = 4\n"),
        ("srnet/config/one.py", "class OneSettings:\n    new = 1\n"),
    ],
    ids=["docstring", "formatting", "unrelated", "settings"],
)
def test_digest_ignores(project, file, text):
    before = code_digest(project / "plain.py")
    edit(project / file, text)
    assert code_digest(project / "plain.py") == before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("srnet/two.py", "B = 3\n"),
        ("srnet/one.py", "from srnet.three import B\nA = 1\n"),
        ("plain.py", "from srnet import one\nprint(one)\n"),
    ],
    ids=["import of an import", "another import", "script"],
)
def test_digest_counts_even_with_an_old_time_stamp(project, file, text):
    before = code_digest(project / "plain.py")
    edit(project / file, text)
    assert code_digest(project / "plain.py") != before


def test_registry_counts_whole_unless_chosen_from(project):
    chooser = project / "chooser.py"
    assert {"x.py", "y.py"} < {p.name for p in import_closure(chooser)}
    chosen = {p.name for p in import_closure(chooser, ("srnet.nets.x",))}
    assert "x.py" in chosen
    assert "y.py" not in chosen


def test_a_program_named_by_a_constant_counts(project):
    (project / "starter.py").write_text(
        'WORKER = "srnet.three"\nOTHER = "no module"\n', encoding="utf-8"
    )
    assert {p.name for p in import_closure(project / "starter.py")} == {"starter.py", "three.py"}


def test_new_line_in_a_registry_leaves_the_others_alone(project):
    before = code_digest(project / "chooser.py", "srnet.nets.x")
    (project / "srnet/nets/z.py").write_text("Z = 1\n", encoding="utf-8")
    edit(
        project / "srnet/nets/registry.py",
        "from srnet.nets import x, z\nNETS = {'x': x.X, 'z': z.Z}\nTEXT = {'x': 'no module'}\n",
    )
    assert code_digest(project / "chooser.py", "srnet.nets.x") == before


def test_digest_does_not_depend_on_where_the_project_lies(project, tmp_path_factory, monkeypatch):
    before = code_listing(project / "plain.py")
    moved = tmp_path_factory.mktemp("elsewhere") / "moved"
    project.rename(moved)
    monkeypatch.setattr(digest, "ROOT", moved)
    assert code_listing(moved / "plain.py") == before
    moved.rename(project)


def test_init_files_hold_a_docstring_and_nothing_else():
    for path in (ROOT / "srnet").rglob("__init__.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert len(body) == 1, f"{path} holds code, which no digest would count"
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), (
            f"{path} has no docstring"
        )


def test_no_relative_imports():
    for path in [*(ROOT / "srnet").rglob("*.py"), *SCRIPTS.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            relative = isinstance(node, ast.ImportFrom) and node.level > 0
            assert not relative, f"{path} imports relatively, which the digest does not follow"


@pytest.mark.parametrize("stage", PREPARATION)
def test_preparation_never_imports_torch(stage):
    closure = import_closure(SCRIPTS / f"{stage}.py")
    guilty = {path.name: imported_packages(path) & HEAVY for path in closure}
    assert not {name: found for name, found in guilty.items() if found}


@pytest.mark.parametrize("stage", PREPARATION)
def test_preparation_knows_nothing_of_networks(stage):
    later = tuple(f"srnet/{room}/" for room in ("nets", "train", "evaluate", "tables", "figures"))
    assert not [name for name in names(f"{stage}.py") if name.startswith(later)]


def test_every_network_is_where_the_rules_look_for_it():
    assert all(NETS[name].__module__ == f"srnet.nets.{name}" for name in NETS)


def test_settings_hold_values_only():
    """Settings do not count as code, so nothing may be computed in them but defaults."""
    for_rules = {"lpips_files"}  # names files for a rule's input, which count by content
    whole_run = {"base.py", "run.py", "document.py"}
    for path in (ROOT / "srnet" / "config").glob("*.py"):
        if path.name in whole_run:
            continue
        classes = [
            n
            for n in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(n, ast.ClassDef)
        ]
        functions = [f for c in classes for f in c.body if isinstance(f, ast.FunctionDef)]
        computing = {f.name for f in functions if not _validates(f)}
        assert computing <= for_rules, f"{path} computes in {computing - for_rules}"


def _validates(function: ast.FunctionDef) -> bool:
    return any("validator" in ast.unparse(mark) for mark in function.decorator_list)
