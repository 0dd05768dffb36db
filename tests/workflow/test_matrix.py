"""Which stages depend on which source file and which key, exactly, as tables."""

import json
import re
import subprocess
import sys
from fnmatch import fnmatch

import pytest

from srnet.acquire.acquire import SOURCES
from srnet.config.run import Config
from srnet.nets.registry import NETS as NETWORK_MODULES
from srnet.provenance.code import ROOT, import_closure

PACKAGE = ROOT / "srnet"
EVERYTHING = ("all", "clinical")
STAGES = {path.stem: path for path in (ROOT / "workflow" / "scripts").glob("[a-z]*.py")}

COMPARISONS = "render_comparison render_fig5"
SLICES = f"{COMPARISONS} render_overview reconstruct_films"
PAGES = "make_page reconstruct_films"
PLOTS = "render_learning render_scores"
FIGURES = f"{SLICES} {PLOTS}"
NETWORKS = "train predict export_model reconstruct_films"
SCORED = "evaluate compare_methods make_table score_regions render_scores export_model"
TABLES = "make_table score_regions"
DATASETS = f"{SLICES} make_page export_model score_regions"
COHORT = "split_cohort pack_dataset export_model"
SOURCED = f"acquire {COHORT} score_regions render_fig5"
XRAYS = f"{DATASETS} {SCORED} {NETWORKS} project_drr pack_dataset predict_baseline"
VOLUMES = f"{XRAYS} acquire separate_bone resample_volume split_cohort"

# Source files below srnet/, and the stages whose code they are: these run again when one of
# them changes, with what follows from them, and nothing else.
CODE = {
    # How a job is recorded, put in place and spoken of is not what it computes; settings
    # count by value.
    "atomic.py cli.py errors.py stamp.py commands/*.py config/*.py provenance/*.py": "",
    "acquire/batches.py acquire/osf.py acquire/refresh.py": "",
    "dataset/x2ct_layout.py evaluate/score_files.py": "",
    # The ground
    "foreign.py nifti.py rejection.py volume.py": VOLUMES,
    "xray.py": XRAYS,
    "target.py": f"{DATASETS} {NETWORKS} resample_volume predict_baseline",
    "histogram.py": f"{SOURCED} separate_bone",
    "page.py": f"{TABLES} {PAGES}",
    # A scan
    "acquire/acquire.py": "acquire render_fig5",
    "acquire/download.py": "download",
    "acquire/duplicates.py": f"acquire {COHORT}",
    "acquire/labels.py": "score_regions",
    "acquire/remote.py": f"download {SOURCED}",
    "acquire/archive.py acquire/dicom.py acquire/integrity.py acquire/scans.py": SOURCED,
    "acquire/collection.py acquire/table.py acquire/local.py acquire/openkbp.py": SOURCED,
    "acquire/verse.py acquire/phantom.py acquire/scanner.py acquire/body/[a-z]*.py": SOURCED,
    # Its preparation
    "prepare/separate_bone.py prepare/masks.py prepare/kmeans.py": "separate_bone render_fig5",
    "prepare/guards.py prepare/working_grid.py": "separate_bone render_fig5",
    "prepare/box.py": "separate_bone resample_volume render_fig5",
    "prepare/resample_volume.py": "resample_volume",
    # Scores compare x-rays of the reconstruction with those of the scan.
    "prepare/project_drr.py prepare/geometry.py": f"project_drr {SCORED} reconstruct_films",
    "prepare/gamma.py train/data.py": "train predict predict_baseline reconstruct_films",
    "dataset/split_cohort.py": COHORT,
    "dataset/pack_dataset.py": "pack_dataset",
    "dataset/samples.py": DATASETS,
    "dataset/predictions.py": "predict predict_baseline reconstruct_films",
    # Networks; `NETS` says which of them count for which network.
    "nets/mlem.py nets/precision.py": f"{NETWORKS} measure_flops predict_baseline",
    "nets/projector.py nets/views.py": f"{NETWORKS} measure_flops predict_baseline",
    "nets/registry.py nets/reconstructor.py nets/activation.py": f"{NETWORKS} measure_flops",
    "nets/convolution.py nets/normalisation.py": f"{NETWORKS} measure_flops",
    "nets/encoder.py nets/lift.py": f"{NETWORKS} measure_flops",
    "nets/decoder.py nets/texture.py nets/x2ct.py nets/psr.py": f"{NETWORKS} measure_flops",
    "nets/sit.py nets/ete.py nets/srnet3d.py nets/refinement.py": f"{NETWORKS} measure_flops",
    "nets/aspp.py nets/body.py nets/srct_*.py nets/srte.py": f"{NETWORKS} measure_flops",
    "nets/discriminator.py losses.py": "train",
    "train/train.py train/trainer.py train/worker.py train/launch.py": "train",
    "train/augment.py train/course.py train/history.py train/optimiser.py": "train",
    "train/schedule.py train/validate.py": "train",
    "train/checkpoint.py": NETWORKS,
    "train/predict.py": "predict reconstruct_films",
    # Scores and tables
    "evaluate/predict_baseline.py": "predict_baseline",
    "evaluate/measure_flops.py": "measure_flops",
    "evaluate/fetch_lpips.py": "fetch_lpips",
    "evaluate/evaluate.py evaluate/columns.py evaluate/metrics.py": SCORED,
    "evaluate/reprojection.py evaluate/surface.py": SCORED,
    "evaluate/perceptual.py": f"{SCORED} fetch_lpips",
    "evaluate/compare_methods.py": "compare_methods",
    "evaluate/make_table.py evaluate/printed.py": "make_table",
    "evaluate/score_regions.py evaluate/regions.py": "score_regions",
    "evaluate/statistics.py": f"compare_methods {TABLES}",
    "evaluate/table_formats.py": TABLES,
    "evaluate/names.py": f"{TABLES} {FIGURES} make_page",
    # Figures
    "figures/canvas.py": FIGURES,
    "figures/cases.py figures/panel.py": f"{SLICES} make_page",
    "figures/camera.py figures/isosurface.py figures/isosurface_worker.py": (
        f"{COMPARISONS} reconstruct_films"
    ),
    "figures/sheet.py": f"{COMPARISONS} render_overview",
    "figures/surface.py": COMPARISONS,
    "figures/comparison.py figures/difference.py": "render_comparison",
    "figures/render_comparison.py": "render_comparison",
    "figures/render_fig5.py": "render_fig5",
    "figures/render_overview.py": "render_overview",
    "figures/render_learning.py": "render_learning",
    "figures/render_scores.py": "render_scores",
    "figures/make_page.py": "make_page",
    "figures/niivue.py figures/viewer.py figures/viewer_script.py": PAGES,
    # Films
    "clinical/export_model.py clinical/model_card.py": "export_model",
    "clinical/consistency.py clinical/findings.py": "export_model reconstruct_films",
    "clinical/folder.py clinical/model_folder.py": "export_model reconstruct_films",
    "clinical/pixels.py clinical/resize.py": "export_model reconstruct_films",
    "clinical/statistics.py": "export_model reconstruct_films",
    "clinical/reconstruct_films.py clinical/outputs.py": "reconstruct_films",
    "clinical/case.py clinical/box.py clinical/checks.py clinical/scale.py": "reconstruct_films",
    "clinical/film.py clinical/film_*.py clinical/prepare_film.py": "reconstruct_films",
    "clinical/likeness.py clinical/mesh.py clinical/sheet.py": "reconstruct_films",
}

# Modules of a registry, and the files of their folder that count where one is chosen.
COMMON_NETS = (
    "activation body convolution discriminator mlem normalisation precision projector "
    "reconstructor registry views"
)
FILLED = "decoder encoder lift refinement x2ct"
NETS = {
    "srnet.nets.psr": f"{COMMON_NETS} psr",
    "srnet.nets.sit": f"{COMMON_NETS} sit",
    "srnet.nets.ete": f"{COMMON_NETS} ete",
    "srnet.nets.x2ct": f"{COMMON_NETS} {FILLED}",
    "srnet.nets.srnet3d": (
        f"{COMMON_NETS} {FILLED} srnet3d aspp srct_deformable srct_pyramid srte texture"
    ),
}
COMMON_SOURCES = "acquire duplicates integrity remote scans"
FILES = f"{COMMON_SOURCES} archive dicom local"
BODY = "morphometry person plates posture shapes skeleton thorax tissue vertebra"
SOURCE_FILES = {
    "srnet.phantom.phantom": f"{COMMON_SOURCES} phantom scanner {BODY}",
    "srnet.acquire.local": FILES,
    "srnet.acquire.collection": f"{FILES} collection",
    "srnet.acquire.openkbp": f"{COMMON_SOURCES} openkbp",
    "srnet.acquire.verse": f"{FILES} table verse",
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
    "drr={source_to_detector_mm: 1000}": {"project_drr"},
    "split={test_fraction: 0.3}": {"split_cohort"},
    "train={epochs: 3}": {"train"},
    "methods={x2ct: {net: {name: x2ct, physics: mlem}}}": {"train", "measure_flops"},
    "tables={table1: [x2ct], table2: [], table3: []}": {"measure_flops"},
    "evaluate={bone_threshold: 0.5}": {"evaluate", "render_comparison", "score_regions"},
    "figures={dpi: 90}": {*FIGURES.split()} - {"reconstruct_films"},
    "clinical={table: films.tsv, method: x2ct, smoothing: 3}": {"reconstruct_films"},
    "gpus=1": set(),
}
# The same for edited source files, seen by the engine itself. The cohort is a folder of
# scans, the networks are x2ct and srnet3d.
EDITS = {
    "srnet/imaging/volume.py": {"acquire", "render_fig5"},
    "srnet/prepare/kmeans.py": {"separate_bone", "render_fig5"},
    "srnet/nets/x2ct.py": {"train", "measure_flops"},
    "srnet/train/worker.py workflow/scripts/train.py": {"train"},
    "srnet/evaluate/metrics.py": {"evaluate", "score_regions"},
    "srnet/phantom/phantom.py": {"score_regions"},
    "srnet/figures/viewer.py": {"make_page", "reconstruct_films"},
    "srnet/acquire/openkbp.py srnet/nets/psr.py srnet/provenance/record.py "
    "srnet/config/train.py srnet/commands/audit.py workflow/scripts/_job.py": set(),
}


def rows_of(file: str) -> list[str]:
    """Return the rows of `CODE` in which a file stands; a star matches no slash."""
    return [
        row
        for row in CODE
        if any(
            fnmatch(file, pattern) and file.count("/") == pattern.count("/")
            for pattern in row.split()
        )
    ]


@pytest.fixture(scope="module")
def stages_of() -> dict[str, set[str]]:
    """Return for each source file, relative to the package, the stages whose code it is."""
    found: dict[str, set[str]] = {
        path.relative_to(PACKAGE).as_posix(): set()
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    for stage, script in STAGES.items():
        for path in import_closure(script):
            if path.is_relative_to(PACKAGE):
                found[path.relative_to(PACKAGE).as_posix()].add(stage)
    return found


def test_every_source_file_stands_in_exactly_one_row(stages_of):
    assert {file: rows for file in stages_of if len(rows := rows_of(file)) != 1} == {}


def test_every_pattern_stands_for_a_file(stages_of):
    matched = {pattern for row in CODE for pattern in row.split()} - {
        pattern for file in stages_of for row in rows_of(file) for pattern in row.split()
    }
    assert matched == set()


def test_a_source_file_is_the_code_of_exactly_the_stages_of_its_row(stages_of):
    wrong = {
        file: {"too many in the table": expected - stages, "not in the table": stages - expected}
        for file, stages in stages_of.items()
        if (expected := set(CODE[rows_of(file)[0]].split())) != stages
    }
    assert wrong == {}


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_every_stage_depends_on_the_module_of_its_own_name(stages_of, stage):
    own = [
        file
        for file in stages_of
        if file.endswith(f"/{stage}.py") and not file.startswith("config/")
    ]
    assert len(own) == 1, f"{stage}.py is nowhere in srnet, or twice"
    assert stage in stages_of[own[0]]


@pytest.mark.parametrize(("module", "files"), [*NETS.items(), *SOURCE_FILES.items()])
def test_where_one_of_a_registry_is_chosen_only_its_own_files_count(module, files):
    folder, stage = {"nets": (PACKAGE / "nets", "train")}.get(
        module.split(".")[1], (PACKAGE / "acquire", "acquire")
    )
    closure = import_closure(STAGES[stage], (module,))
    assert {path.stem for path in closure if folder in path.parents} == set(files.split())


def test_every_module_of_a_registry_and_every_key_has_a_row():
    assert set(NETS) == set(NETWORK_MODULES.values())
    assert set(SOURCE_FILES) == set(SOURCES.values())
    # Another folder of results makes everything anew; see test_reruns.py.
    assert {key.partition("=")[0] for key in KEYS} == set(Config.model_fields) - {"results"}


DRIVER = """
import contextlib, io, json, os, pathlib, sys
from snakemake.cli import main
from srnet.provenance import digest

def dry_run(*arguments):
    for cached in (digest.code_digest, digest._read):
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
    rules = changed.group(1).split(", ") if changed else []
    assert {rule.partition("__")[0] for rule in rules} == expected
