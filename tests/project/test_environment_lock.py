"""The lock, the conda environment and the package metadata name the same versions."""

import itertools
import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def locked():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").split()
    return dict(line.split("==") for line in lines)


def test_the_conda_environment_equals_the_lock():
    environment = yaml.safe_load((ROOT / "envs" / "srnet.yaml").read_text(encoding="utf-8"))
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert dict(line.split("==") for line in pip) == locked()


def test_every_declared_dependency_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"].values()
    declared = [*project["dependencies"], *itertools.chain.from_iterable(optional)]
    for requirement in declared:
        name = re.split(r"[<>=\[]", requirement)[0].lower().replace("_", "-")
        assert name in locked(), f"{requirement} is declared but not locked: make lock"


def test_torch_and_torchvision_are_the_pair_that_belongs_together():
    assert locked()["torch"] == "2.13.0"
    assert locked()["torchvision"] == "0.28.0"


def test_every_script_names_an_environment():
    for rules in (ROOT / "workflow" / "rules").glob("*.smk"):
        text = rules.read_text(encoding="utf-8")
        assert text.count("script:") == text.count("conda:"), rules.name
