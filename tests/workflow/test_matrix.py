"""Which rules depend on which source file and which key, as two tables."""

import json
import re
import subprocess
import sys
from fnmatch import fnmatch

import pytest

from srnet.provenance.digest import ROOT, import_closure

RULES = {path.stem: path for path in (ROOT / "workflow" / "scripts").glob("[a-z]*.py")}
FIGURES = {name for name in RULES if name.startswith(("render_", "make_page"))}
CLINICAL = {"export_model", "reconstruct_films"}
LAST = FIGURES | CLINICAL  # what nothing else is made from
NETWORKS = {"train", "predict", *CLINICAL}
SCORES = {"evaluate", "compare_methods", "make_table", "score_regions"}
COHORT = {"download", "acquire", "split_cohort", "pack_dataset", "score_regions"}

# Source files by pattern, the first match counts: the only rules that may depend on them.
CODE = {
    "acquire/*": COHORT | LAST,
    "prepare/separate_bone.py": {"separate_bone"} | LAST,
    "prepare/resample_volume.py": {"resample_volume"} | LAST,
    # Scores compare x-rays of the reconstruction with those of the scan.
    "prepare/project_drr.py": {"project_drr"} | SCORES | LAST,
    "prepare/geometry.py": {"project_drr"} | SCORES | LAST,
    "prepare/gamma.py": NETWORKS | FIGURES | {"predict_floor"},
    "prepare/*": {"separate_bone", "resample_volume", "project_drr"} | NETWORKS | LAST,
    "dataset/split_cohort.py": {"split_cohort", "pack_dataset"} | SCORES | LAST,
    "dataset/pack_dataset.py": {"pack_dataset"} | LAST,
    "nets/mlem.py": NETWORKS | {"measure_flops", "predict_floor"},
    "nets/projector.py": NETWORKS | {"measure_flops", "predict_floor"},
    "nets/views.py": NETWORKS | {"measure_flops", "predict_floor"},
    "nets/*": NETWORKS | {"measure_flops"},
    "train/data.py": NETWORKS | {"predict_floor"},
    "train/*": NETWORKS,
    "losses.py": {"train"},
    "evaluate/measure_flops.py": {"measure_flops"},
    "evaluate/predict_floor.py": {"predict_floor"},
    "evaluate/make_table.py": {"make_table"},
    # Names of methods and the frame of pages stand in tables and figures alike.
    "evaluate/names.py": {"make_table", "score_regions"} | LAST,
    "page.py": {"make_table", "score_regions"} | LAST,
    "figures/*": LAST,
    "clinical/*": CLINICAL,
    "commands/*": set(),
    "provenance/*": set(),
    "config/*": set(),
}

# A key and another value for it: the first rules that run again. All that follow from
# these in the chain run too, and nothing else.
KEYS = {
    "seed=2": {"acquire"},
    "size=128": {"resample_volume", "measure_flops"},
    "width=0.5": {"train", "measure_flops"},
    "bone={lower_hu: 10}": {"separate_bone"},
    "resample={mode: isotropic}": {"resample_volume"},
    "drr={source_to_detector_mm: 1000}": {"project_drr"},
    "split={test_fraction: 0.3}": {"split_cohort"},
    "train={epochs: 3}": {"train"},
    "train={loss: {igdl: 0.5}}": {"train"},
    "evaluate={bone_threshold: 0.5}": {"evaluate"},
}


@pytest.fixture(scope="module")
def rules_of():
    """Return for each source file, relative to the package, the rules that run it."""
    found: dict[str, set[str]] = {}
    for rule, script in RULES.items():
        for path in import_closure(script):
            if path.is_relative_to(ROOT / "srnet"):
                found.setdefault(path.relative_to(ROOT / "srnet").as_posix(), set()).add(rule)
    return found


def test_no_rule_depends_on_code_that_is_not_its_own(rules_of):
    strays = {}
    for file, rules in rules_of.items():
        allowed = next((CODE[pattern] for pattern in CODE if fnmatch(file, pattern)), set(RULES))
        if rules - allowed:
            strays[file] = rules - allowed
    assert strays == {}


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_depends_on_the_module_of_its_own_name(rules_of, rule):
    own = [file for file in rules_of if file.endswith(f"/{rule}.py")]
    assert own, f"{rule}.py is nowhere in srnet"
    assert rule in rules_of[own[0]]


def test_a_network_s_file_counts_for_that_network_only():
    train = RULES["train"]
    nets = {
        name: {p.name for p in import_closure(train, (f"srnet.nets.{name}",))}
        for name in ("x2ct", "psr")
    }
    assert "psr.py" not in nets["x2ct"]
    assert "x2ct.py" not in nets["psr"]


DRIVER = """
import contextlib, io, json, sys
from snakemake.cli import main
said = {}
for key in json.loads(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        with contextlib.suppress(SystemExit):
            main(["--dry-run", "--config", key, "--", "results/table1.csv"])
    said[key] = out.getvalue()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(made):
    """Dry-run once for each key, all in one process."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps(list(KEYS))],
        cwd=made.folder,
        env=made.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_a_changed_key_runs_exactly_these_rules_and_what_follows(said, key):
    changed = re.search(r"params have changed since last execution:\n +(.*)", said[key])
    assert changed is not None, said[key]
    assert set(changed.group(1).split(", ")) == KEYS[key]
