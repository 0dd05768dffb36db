"""Text is UTF-8 whatever the locale.

SimpleITK and ITK switch the locale of the whole process to C while they read a file, and may
leave it so; Python then reads text without a named encoding as ASCII.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for folder in ("srnet", "workflow", "benchmarks", "envs", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def _text_without_encoding(code: str) -> list[int]:
    """Lines that read or write text and leave its encoding to the locale."""
    lines = []
    for call in (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)):
        if not isinstance(call.func, ast.Attribute):
            continue
        name, named = call.func.attr, {keyword.arg for keyword in call.keywords}
        mode = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else ""
        text = (
            name in ("read_text", "write_text")
            or (name in ("run", "Popen", "check_output") and "text" in named)
            or (name == "open" and (not call.args or mode in ("r", "w", "a", "x")))
        )
        if text and "encoding" not in named:
            lines.append(call.lineno)
    return lines


@pytest.mark.parametrize(
    "code",
    [
        "path.read_text()",
        "path.write_text('a')",
        "path.open('w')",
        "path.open()",
        "subprocess.run([], text=True)",
    ],
)
def test_a_text_without_encoding_is_seen(code):
    assert _text_without_encoding(code) == [1]
    assert _text_without_encoding(f"{code[:-1]}, encoding='utf-8')".replace("(,", "(")) == []


def test_every_text_names_its_encoding():
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in SOURCES
        for line in _text_without_encoding(path.read_text(encoding="utf-8"))
    }
    assert found == set()
