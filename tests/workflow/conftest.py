"""A copy of the project with a cohort of empty files and all of its products.

Dry runs over empty files test every branch of the graph without computing
anything: the products are made by touching them, which also makes the engine
record the params and inputs that they stand for.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("srnet", "workflow", "envs", "Snakefile", "requirements.lock")
TARGETS = ("results/table1.csv", "results/figures/overview.png")
COMMAND_LINE = "from srnet.commands.main import main; raise SystemExit(main())"
EVERYTHING = ("all", "clinical")
CONFIG = """\
cohort:
  sources:
    - kind: folder
      path: scans
      labels: ["^scan", label]
tables: {table1: [x2ct, srnet3d], table2: [], table3: []}
clinical: {table: films.tsv, method: x2ct}
"""


@dataclass(frozen=True)
class Project:
    """One copy of the project, in a folder of its own."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which the copy's package is the one imported."""
        own = {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return os.environ | own | self.variables

    def start(self, *arguments: str, folder: Path | None = None) -> subprocess.Popen[str]:
        """Start the engine in a process group of its own, in `folder` or the copy itself."""
        snakefile = str(self.folder / "Snakefile")
        return subprocess.Popen(
            [
                *self.wrapper,
                *(sys.executable, "-m", "snakemake", "--snakefile", snakefile),
                *arguments,
            ],
            cwd=folder or self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )

    def snakemake(self, *arguments: str, check: bool = True, folder: Path | None = None) -> str:
        """Run the engine on this copy and return what it printed."""
        process = self.start(*arguments, folder=folder)
        output, _ = process.communicate()
        assert not check or process.returncode == 0, output
        return output

    def srnet(self, *arguments: str, folder: Path | None = None) -> tuple[int, str]:
        """Run the copy's command line and return its status and what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", COMMAND_LINE, *arguments],
            cwd=folder or self.folder,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
        )
        return done.returncode, done.stdout + done.stderr

    def pending(self, *arguments: str, folder: Path | None = None) -> dict[str, int]:
        """Return the stages that would run, and how many jobs of each."""
        output = self.snakemake("--dry-run", *(arguments or TARGETS), folder=folder)
        # A dry run counts the jobs twice, before and after it lists them.
        found = set(re.findall(r"^(\w+) +(\d+)$", output, flags=re.MULTILINE))
        return {stage: int(count) for stage, count in found if stage != "total"}

    @contextmanager
    def edited(self, file: str, change: Callable[[str], str]) -> Iterator[None]:
        """Change a file inside the block; its time stamp stays as it is."""
        path = self.folder / file
        before, status = path.read_text(encoding="utf-8"), path.stat()
        path.write_text(change(before), encoding="utf-8")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        try:
            yield
        finally:
            path.write_text(before, encoding="utf-8")
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def copy_project(folder: Path) -> Project:
    """Copy what a run needs into `folder`, links kept."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    (folder / "profiles").symlink_to("workflow/profiles")
    return Project(folder)


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Project:
    """Return a copy that nobody edits while its runs last."""
    return copy_project(tmp_path_factory.mktemp("project"))


def make_everything(project: Project, scans: int) -> None:
    """Make every product of a cohort of so many scans, all of empty files."""
    folder = project.folder
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "scans").mkdir()
    for number in range(scans):
        (folder / f"scans/scan{number}.nii.gz").write_text(str(number), encoding="utf-8")
        (folder / f"scans/label{number}.nii.gz").write_text(str(number), encoding="utf-8")
    (folder / "films.tsv").write_text(
        "case\tap\tlateral\nc1\tap.png\tlateral.png\n", encoding="utf-8"
    )
    for view in ("ap", "lateral"):
        (folder / f"{view}.png").write_text(view, encoding="utf-8")
    for line in project.snakemake("--summary", *EVERYTHING).splitlines():
        if line.startswith("results/"):
            product = folder / line.split("\t")[0]
            # Without a suffix it is the folder of a batch.
            (product.parent if product.suffix else product).mkdir(parents=True, exist_ok=True)
            if product.suffix:
                product.touch()
    project.snakemake("--touch", "--forceall", "--cores", "1", *EVERYTHING)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Project:
    """Return a copy in which everything is made of three scans."""
    project = copy_project(tmp_path_factory.mktemp("made"))
    make_everything(project, scans=3)
    return project
