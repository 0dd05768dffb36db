"""The exported crate is valid, by an independent validator that needs no network."""

import io
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import requests_cache
import urllib3
from rocrate_validator.utils.paths import get_default_http_cache_path

from srnet.commands.main import main
from srnet.provenance.code import ROOT

CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": "ro-crate-1.1-context.jsonld",
    "https://w3id.org/ro/crate/1.2/context": "ro-crate-1.2-context.jsonld",
    "https://w3id.org/ro/crate/1.3/context": "ro-crate-1.3-context.jsonld",
    "https://w3id.org/ro/terms/workflow-run/context": "workflow-run-context.jsonld",
}

VALIDATOR = "from rocrate_validator.cli import cli; cli()"


class Shelf(requests.adapters.HTTPAdapter):
    """Answers for the addresses of JSON-LD contexts with files."""

    def __init__(self, folder: Path):
        super().__init__()
        self.folder = folder

    def send(self, request, **_):  # type: ignore[override]
        text = (self.folder / CONTEXTS[request.url]).read_bytes()
        raw = urllib3.HTTPResponse(
            body=io.BytesIO(text),
            headers={"Content-Type": "application/ld+json"},
            status=200,
            preload_content=False,
            request_url=request.url,
        )
        return self.build_response(request, raw)


@pytest.fixture(scope="module")
def contexts(srnet_data, tmp_path_factory):
    """Return a cache in which the validator finds every context."""
    cache = tmp_path_factory.mktemp("contexts") / "cache.sqlite"
    session = requests_cache.CachedSession(str(cache), backend="sqlite", expire_after=-1)
    session.mount("https://", Shelf(srnet_data / "rocrate"))
    for address in CONTEXTS:
        session.get(address)
    session.close()
    return cache


def validate(crate: Path, contexts: Path) -> tuple[bool, str]:
    """Return whether the crate passes at REQUIRED level, and what the validator said."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", VALIDATOR, "validate", str(crate)),
            *("-p", "provenance-run-crate-0.5", "-l", "required", "--offline", "--no-paging"),
            *("--cache-path", str(contexts), "-f", "json"),
        ],
        capture_output=True,
        encoding="utf-8",
    )
    return done.returncode == 0, done.stdout + done.stderr


def printed_command(beginning: str) -> list[str]:
    """Return the command of docs/audit.md that begins so, in words."""
    page = (ROOT / "docs/audit.md").read_text(encoding="utf-8").replace("\\\n", "")
    (line,) = (line for line in page.splitlines() if line.startswith(beginning))
    return shlex.split(line, comments=True)


@pytest.mark.slow
def test_the_printed_command_validates_without_a_network(
    recorded_results, contexts, tmp_path, monkeypatch, capsys
):
    """With the contexts in the validator's own cache, where the command above it puts them."""
    warmed = printed_command("rocrate-validator cache warm")
    assert set(warmed) >= {"provenance-run-crate-0.5", "https://w3id.org/ro/crate/1.1/context"}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache = Path(f"{get_default_http_cache_path()}.sqlite")
    cache.parent.mkdir(parents=True)
    shutil.copy(contexts, cache)
    assert main(["audit", "export", str(recorded_results)]) == 0
    words = printed_command("rocrate-validator validate")[1:]
    command = [sys.executable, "-c", VALIDATOR, *words]
    folder = recorded_results.parent
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("where", ["beside", "elsewhere"])
def test_crate_is_valid(recorded_results, contexts, tmp_path, where, capsys):
    out = recorded_results if where == "beside" else tmp_path / "crate"
    assert main(["audit", "export", str(recorded_results), "--out", str(out)]) == 0
    valid, said = validate(out, contexts)
    assert valid, said
    assert json.loads(said)["passed"] is True
