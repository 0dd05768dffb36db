"""The container definitions make one environment, that of the lock."""

import re
from pathlib import Path

import pytest

ENVS = Path(__file__).resolve().parents[2] / "envs"
DEFINITIONS = ("Dockerfile", "apptainer.def")


def packages(text: str) -> list[str]:
    installed = re.search(r"apt-get install --yes --no-install-recommends ([^\\\n]+)", text)
    assert installed is not None
    return installed.group(1).split()


@pytest.mark.parametrize("name", DEFINITIONS)
def test_packages_come_from_the_lock_only(name):
    commands = re.findall(r"pip install (.*)", (ENVS / name).read_text(encoding="utf-8"))
    assert commands == ["--no-cache-dir --requirement /opt/requirements.lock"]


def test_both_definitions_have_one_base_and_the_same_system_packages():
    texts = [(ENVS / name).read_text(encoding="utf-8") for name in DEFINITIONS]
    bases = [re.findall(r"^(?:FROM|From:) (\S+)", text, re.MULTILINE) for text in texts]
    assert bases[0] == bases[1]
    assert packages(texts[0]) == packages(texts[1])


def test_the_python_of_the_containers_is_the_one_of_the_conda_environment():
    (base,) = re.findall(
        r"^FROM python:(\d+\.\d+)", (ENVS / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert f"- python={base}\n" in (ENVS / "srnet.yaml").read_text(encoding="utf-8")


def test_every_copied_file_exists():
    copied = re.findall(
        r"^COPY (\S+) ", (ENVS / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert copied
    assert all((ENVS.parent / name).exists() for name in copied)
