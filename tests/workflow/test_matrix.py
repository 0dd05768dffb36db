"""Which stages run again when a key or a source file changes."""

import json
import re
import subprocess
import sys

import pytest

from srnet.acquire.acquire import SOURCES
from srnet.config.run import Config
from srnet.nets.registry import NETS
from srnet.provenance.code import ROOT, import_closure

PACKAGE = ROOT / "srnet"
EVERYTHING = ("all", "clinical")
STAGES = {path.stem: path for path in (ROOT / "workflow" / "scripts").glob("[a-z]*.py")}
FIGURES = {
    *("render_comparison", "render_fig5", "render_overview", "render_learning", "render_scores")
}

# A key and another value for it: the first rules that run again. All that follow from
# these in the chain run too, and nothing else.
KEYS = {
    "seed=2": {"acquire", "render_fig5"},
    "size=128": {"resample_volume", "measure_flops"},
    "width=0.5": {"train", "measure_flops"},
    "cohort={sources: [{kind: folder, path: scans, licence: CC0-1.0}]}": {
        "acquire",
        "render_fig5",
    },
    "bone={lower_hu: 10}": {"separate_bone", "render_fig5"},
    "resample={mode: isotropic}": {"resample_volume"},
    "drr={source_to_isocentre_mm: 600}": {"project_drr"},
    "split={test_fraction: 0.3}": {"split_cohort"},
    "train={epochs: 3}": {"train"},
    "methods={x2ct: {net: {name: x2ct, physics: mlem}}}": {"train", "measure_flops"},
    "tables={table1: [x2ct], table2: [], table3: []}": {"measure_flops"},
    "evaluate={bone_threshold: 0.5}": {"evaluate", "render_comparison", "score_regions"},
    "figures={dpi: 90}": FIGURES,
    "clinical={table: films.tsv, method: x2ct, smoothing: 3}": {"reconstruct_films"},
    "gpus=1": set(),
}
# The same for edited source files, seen by the engine itself. The cohort is a folder of
# scans, the networks are x2ct and srnet3d.
EDITS = {
    "srnet/imaging/volume.py": {"acquire", "measure_flops", "render_fig5"},
    "srnet/prepare/masks.py": {"separate_bone", "render_fig5"},
    "srnet/nets/x2ct.py": {"train", "measure_flops"},
    "srnet/train/worker.py workflow/scripts/train.py": {"train"},
    "srnet/evaluate/metrics.py": {"evaluate", "score_regions"},
    "srnet/phantom/phantom.py": {"score_regions"},
    "srnet/figures/viewer.py": {"make_page", "reconstruct_films"},
    "srnet/acquire/openkbp.py srnet/nets/psr.py srnet/provenance/record.py "
    "srnet/config/train.py srnet/commands/audit.py workflow/scripts/_job.py": set(),
}


def modules(stage: str, *chosen: str) -> set[str]:
    """Return the modules of the package that count as the code of a stage."""
    files = import_closure(STAGES[stage], chosen)
    inside = (path.relative_to(ROOT) for path in files if path.is_relative_to(PACKAGE))
    return {".".join(path.with_suffix("").parts) for path in inside}


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_depends_on_the_one_module_of_its_own_name(stage):
    own = [path for path in PACKAGE.rglob(f"{stage}.py") if path.parent.name != "config"]
    assert len([path for path in own if path.parent.name != "commands"]) == 1
    assert any(name.endswith(f".{stage}") for name in modules(stage))


@pytest.mark.parametrize("net", NETS)
def test_the_code_of_a_network_is_that_of_no_other(net):
    others = {f"srnet.nets.{name}" for name in NETS} - {f"srnet.nets.{net}"}
    # 3DSRNet is built on the trunk of X2CT.
    built_on = {"srnet3d": {"srnet.nets.x2ct"}}.get(net, set())
    found = modules("train", f"srnet.nets.{net}")
    assert f"srnet.nets.{net}" in found
    assert found & others == built_on


@pytest.mark.parametrize("kind", SOURCES)
def test_the_code_of_a_source_is_that_of_no_other(kind):
    own = SOURCES[kind].__name__
    others = {source.__name__ for source in SOURCES.values()} - {own}
    # All files are read by the functions that read a folder of the user's own.
    shared = set() if kind in ("phantom", "openkbp") else {"srnet.acquire.local"}
    assert modules("acquire", own) & others == shared - {own}


def test_every_key_has_a_row():
    # Another folder of results makes everything anew; see test_reruns.py.
    assert {key.partition("=")[0] for key in KEYS} == set(Config.model_fields) - {"results"}


DRIVER = """
import contextlib, io, json, os, pathlib, sys
from snakemake.cli import main
from srnet.provenance import code

def dry_run(*arguments):
    for cached in (code.code_digest, code._read):
        cached.cache_clear()
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        with contextlib.suppress(SystemExit):
            main(["--dry-run", *arguments])
    return out.getvalue()

keys, edits, targets = json.loads(sys.argv[1])
said = {key: dry_run("--config", key, "--", *targets) for key in keys}
for edit in edits:
    before = {path: path.read_text() for path in map(pathlib.Path, edit.split())}
    for path, text in before.items():
        path.write_text(text + "\\nEDITED = 1\\n")
    said[edit] = dry_run("--", *targets)
    for path, text in before.items():
        path.write_text(text)
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(made):
    """Dry-run once for each key and each edit, all in one process."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps([list(KEYS), list(EDITS), EVERYTHING])],
        cwd=made.folder,
        env=made.environment,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("change", [*KEYS, *EDITS])
def test_a_change_runs_exactly_these_rules_and_what_follows(said, change):
    changed = re.search(r"params have changed since last execution:\n +(.*)", said[change])
    expected = (KEYS | EDITS)[change]
    assert changed is not None or "Nothing to be done" in said[change], said[change]
    assert set(changed.group(1).split(", ") if changed else ()) == expected
