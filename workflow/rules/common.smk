import logging
import re
from pathlib import Path

import snakemake
from snakemake.exceptions import WorkflowError
from snakemake.io import is_flagged

from srnet.acquire.acquire import SOURCES, list_scans
from srnet.acquire.batches import batch_scans
from srnet.acquire.scan import GENERATED
from srnet.clinical.case import read_cases
from srnet.config.evaluate import LPIPS_FETCHED
from srnet.config.run import Config
from srnet.core.errors import SrnetError
from srnet.evaluate.baselines import BASELINES
from srnet.export.model_folder import MODEL_FILES
from srnet.provenance.claim import Run, join, start_run
from srnet.provenance.code import code_digest, code_listing
from srnet.tables.printed import printed_name

CONFIG = Config.parse(config)
# Jobs need to know the folder; its default is not theirs to look up.
config["results"] = CONFIG.results
if not workflow.is_main_process:
    # Every job has an engine of its own, which lists the cohort again.
    logging.getLogger("srnet.acquire").setLevel(logging.ERROR)
SCANS = {scan.scan_id: scan for scan in list_scans(CONFIG.cohort)}
BATCHES = batch_scans(SCANS.values(), CONFIG.cohort.scans_per_job)
# Names in print lie in the settings, which no code digest counts: rules that print them have
# them as a param.
NAMES = {row: printed_name(row) for row in [*BASELINES, *CONFIG.methods]}
LABELLED = [scan for scan in SCANS.values() if scan.labels]
LABEL_FILES = [scan.labels for scan in LABELLED if scan.labels != GENERATED]
RULES = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
SCRIPTS = RULES.parent / "scripts"
CODE = {}
TABLES = CONFIG.tables
# The methods of any table, each once.
METHODS = list(dict.fromkeys([*TABLES.table1, *TABLES.table2, *TABLES.table3]))


def digest_code(rule, *modules):
    """Digest all code that the script of `rule` runs, and keep what was counted."""
    digest = code_digest(SCRIPTS / f"{rule}.py", *modules)
    if digest not in CODE:
        CODE[digest] = code_listing(SCRIPTS / f"{rule}.py", *modules)
    return digest


def code(rule, *modules):
    """Return a param that digests the code of `rule` once a job asks for it.

    Every job has an engine of its own, which would otherwise digest that of all rules.
    """
    return lambda wildcards: digest_code(rule, *modules)


def nets_code(rule, methods):
    """Digest `code` with the networks of `methods`, and no other network."""
    modules = {f"srnet.nets.{CONFIG.net(method).name}" for method in methods}
    return digest_code(rule, *sorted(modules))


def net_code(rule):
    return lambda wildcards: nets_code(rule, [wildcards.method])


def remote_file(wildcards):
    """Return where a downloaded file of a scan comes from."""
    scan = SCANS[wildcards.scan]
    remotes = [*scan.remotes, *filter(None, [scan.labels_remote])]
    return next(remote.plain() for remote in remotes if remote.name == wildcards.file)


def scan_row(scan):
    """Return a scan for a job that does not read its files, wherever they lie."""
    return scan.model_copy(update={"files": ()}).plain()


def labelled_row(scan):
    """Return a scan for a job that reads its labels only."""
    remote = scan.labels_remote and scan.labels_remote.plain()
    return {**scan_row(scan), "labels": scan.labels, "labels_remote": remote}


def batch_scan_ids(wildcards):
    return BATCHES[wildcards.batch]


def batch_rows(wildcards):
    return {scan: SCANS[scan].plain() for scan in BATCHES[wildcards.batch]}


def batch_files(wildcards):
    return [file for scan in BATCHES[wildcards.batch] for file in SCANS[scan].files]


def named(files):
    """Return those of `files` that can be inputs of a rule.

    The engine expands `{name}` and `<name>` in every input and has no way to quote them, and
    cannot print names that are not Unicode. It sees other files by `unnamed`.
    """
    return [
        file for file in files if file.isprintable() and not set(file) & set("{}<>")
    ]


def unnamed(**inputs):
    """Return a param in place of inputs that cannot be named: size and time of each file.

    Scripts find these files among their inputs (`described` in scripts/_job.py).
    """
    odd = {name: set(files) - set(named(files)) for name, files in inputs.items()}
    return {
        name: {file: stamp(file) for file in files if file in odd[name]}
        for name, files in inputs.items()
        if odd[name]
    }


def stamp(file):
    try:
        status = Path(file).stat()
    except OSError as failure:
        raise WorkflowError(f"{file!r} cannot be read: {failure.strerror}") from None
    return [status.st_size, status.st_mtime_ns]


def acquire_code(wildcards):
    """Digest the code of the source of a batch only."""
    source = SCANS[BATCHES[wildcards.batch][0]].source
    return digest_code("acquire", SOURCES[source].__name__)


def net_settings(wildcards):
    return CONFIG.net(wildcards.method).plain()


def train_settings(wildcards):
    return CONFIG.training(wildcards.method).plain()


def share_of_cores(wildcards):
    """Return threads for a network such that the methods of Table I run side by side.

    On a CPU one thread a method trains up to twice as much in all as two threads each.
    """
    return max(1, (workflow.cores or 1) // max(1, len(TABLES.table1)))


def table_methods(wildcards):
    return getattr(CONFIG.tables, wildcards.table)


def table_rows(wildcards):
    """Return what tells the methods of a table apart: networks and loss weights."""
    return {
        method: {
            "net": CONFIG.net(method).plain(),
            "loss": CONFIG.training(method).loss.plain(),
        }
        for method in table_methods(wildcards)
    }


def memory_mb(first):
    """Ask for more memory at each try."""
    return lambda wildcards, attempt: first * attempt


def whole_methods():
    """Return for each ablation the row that its table lists first: the whole method."""
    return {
        row: whole
        for whole, *ablations in filter(None, (TABLES.table3, TABLES.table2))
        for row in ablations
        if row not in TABLES.table1
    }


def train_memory_mb(wildcards, attempt):
    """Ask for memory for every process of a training: each holds the whole data set."""
    return 16000 * attempt * CONFIG.training(wildcards.method).processes


def caption(figure):
    return (RULES.parent / "report" / f"{figure}.rst").read_text(encoding="utf-8")


def table_scores(wildcards):
    return expand(
        "<results>/scores/{row}.tsv", row=[*BASELINES, *table_methods(wildcards)]
    )


def claim_results():
    """Refuse a second run in the same folder; write down what this run is made of."""
    temporary = {
        made.name: [
            name
            for name, file in made.output.items()
            if isinstance(file, str) and is_flagged(file, "temp")
        ]
        for made in workflow.rules
    }
    engine = f"snakemake {snakemake.__version__}"
    try:
        start_run(CONFIG.results, Run(engine, CONFIG.plain(), temporary, CODE))
    except SrnetError as refusal:
        raise WorkflowError(refusal) from None


def join_run():
    """Stop a job whose run was replaced before it can touch what the new run makes."""
    try:
        join(CONFIG.results)
    except SrnetError as refusal:
        raise WorkflowError(refusal) from None


if not workflow.is_main_process:
    join_run()


def one_of(names):
    return "|".join(re.escape(name) for name in names)


CASES = (
    {case.case: case for case in read_cases(CONFIG.clinical.table)}
    if CONFIG.clinical.table
    else {}
)


def clinical_model(wildcards):
    folder = (
        CONFIG.clinical.model or f"{CONFIG.results}/export/{CONFIG.clinical.method}"
    )
    return [f"{folder}/{name}" for name in MODEL_FILES]


def film_files(wildcards):
    """Return the inputs of `reconstruct_films` by name."""
    case = CASES[wildcards.case]
    model = clinical_model(wildcards)
    return {"ap": [case.ap], "lateral": [case.lateral], "model": model}


def clinical_code(wildcards):
    # A model folder from elsewhere may hold any network.
    methods = CONFIG.methods if CONFIG.clinical.model else [CONFIG.clinical.method]
    return nets_code("reconstruct_films", methods)


wildcard_constraints:
    scan=one_of(SCANS),
    batch=one_of(BATCHES),
    part="train|validation|test",
    method=one_of(CONFIG.methods),
    baseline=one_of(BASELINES),
    table="table[123]",
