import re
from pathlib import Path

import pytest

from srnet.figures.render_comparison import COMPARISONS

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
RULES = (WORKFLOW / "rules" / "figures.smk").read_text(encoding="utf-8")
RENDERED = re.findall(r"rule render_(\w+):", RULES)
FIGURES = [*(name for name in RENDERED if name != "comparison"), *COMPARISONS]


@pytest.mark.parametrize("name", RENDERED)
def test_every_rule_has_a_caption_script_and_module_of_its_name(name):
    assert f'caption="../report/{name}.rst"' in RULES
    assert f'script:\n        "../scripts/render_{name}.py"' in RULES
    assert (WORKFLOW / "scripts" / f"render_{name}.py").is_file()
    assert (WORKFLOW.parent / "srnet" / "figures" / f"render_{name}.py").is_file()


@pytest.mark.parametrize("name", [*FIGURES, "page", "workflow"])
def test_caption_is_plain_text_for_report_and_page_alike(name):
    text = (WORKFLOW / "report" / f"{name}.rst").read_text(encoding="utf-8")
    assert text.strip()
    assert not re.search(r"\{\{|\{%|`|\*|https?:", text), "markup would show on the page"
