"""File names through the engine: every name that a file system allows is used, or refused."""

import csv
import os

import numpy as np
import pytest
import yaml

from srnet.export.model_folder import MODEL_FILES

CONFIG = {
    "size": 32,
    "cohort": {"sources": [{"kind": "folder", "path": "scans"}]},
    "split": {"validation_fraction": 0.2, "test_fraction": 0.2},
}
RUN = ("--cores", "2", "--", "results/split.tsv", "results/dataset/train.h5")
STEMS = (
    *("good", "patient{a}", "{6F9619FF-8B86-D011}", "{{b}}", "{scan}", "{batch}", "{", "}"),
    *("<x>", "<results>", "<downloads>y", "*", "?", "[ab]", "a\nb", "\ttab", "-dash", "--help"),
    *("trailing ", " leading", "it's", '"quoted"', "$HOME", "a;b", "100%", "%2F", "%s", "back\\"),
    *("`id`", "~", "#", "!", "a&b", "a|b", "(c)", "x,y", "x=y", "x:y", "@", "^", "a\rb"),
    *("\x1b[31m", "患者", "Müller", "Mu\u0308ller", "\u202eabc", "\u2028", "Case", "case", "CASE"),
    *("l" * 240, "l" * 239 + "m", "患" * 80, os.fsdecode(b"caf\xe9"), os.fsdecode(b"\xff\xfe")),
)
BROKEN = ("broken{a}", "broken<results>", "broken\n", os.fsdecode(b"broken\xe9"))


def write_body(path, seed, write_nifti):
    """Write a CT of a body with a spine, another one for each seed."""
    x, y, z = np.meshgrid(*(np.arange(n) for n in (40, 40, 30)), indexing="ij")
    hu = np.full(x.shape, -1000.0)
    body = (x - 20) ** 2 + (y - 20) ** 2 < 300
    hu[body] = 40 + np.random.default_rng(seed).normal(0, 10, x.shape)[body]
    hu[((x - 20) ** 2 + (y - 12) ** 2 < 25) & (z % 8 < 6)] = 600
    path.parent.mkdir(exist_ok=True)
    write_nifti(path, np.rint(hu).astype(np.int16), np.diag([4.0, 4.0, 4.0, 1.0]))


def table(path):
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


@pytest.mark.slow
def test_scans_of_any_name_run_through_the_engine(project, tmp_path, write_nifti):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    scans = tmp_path / "scans"
    for seed, stem in enumerate(STEMS):
        # A name has 255 bytes at most.
        suffix = ".nii" if len(os.fsencode(stem)) > 239 else ".nii.gz"
        write_body(scans / f"{stem}{suffix}", seed, write_nifti)
    write_body(scans / "{folder}" / "ct.nii", len(STEMS), write_nifti)
    for stem in BROKEN:
        (scans / f"{stem}.nii.gz").write_text("no image", encoding="utf-8")
    project.snakemake(*RUN, folder=tmp_path)
    assert len(table(tmp_path / "results/split.tsv")) == len(STEMS) + 1
    rejected = table(tmp_path / "results/rejected.tsv")
    assert len(rejected) == len(BROKEN)
    assert all(".nii.gz" in row["reason"] for row in rejected)
    status, said = project.srnet("audit", "verify", "results", folder=tmp_path)
    assert status == 0, said
    assert "Nothing to be done" in project.snakemake("--dry-run", *RUN, folder=tmp_path)
    write_body(scans / "patient{a}.nii.gz", 1000, write_nifti)
    assert "acquire" in project.snakemake("--dry-run", *RUN, folder=tmp_path)


def test_films_and_labels_of_any_name_have_jobs(project, tmp_path):
    names = ("{a}", "<results>", "<x>", "a\nb", os.fsdecode(b"caf\xe9"))
    (tmp_path / "scans").mkdir()
    for name in names:
        (tmp_path / f"scans/ct{name}.nii").touch()
        (tmp_path / f"scans/labels{name}.nii").touch()
        (tmp_path / f"{name}.png").touch()
    # A table is UTF-8 and cannot hold the last name.
    rows = [f'c{n}\t"{name}.png"\t"{name}.png"' for n, name in enumerate(names[:-1])]
    (tmp_path / "films.tsv").write_text("\n".join(["case\tap\tlateral", *rows]), encoding="utf-8")
    config = {
        **CONFIG,
        "cohort": {"sources": [{"kind": "folder", "path": "scans", "labels": ["^ct", "labels"]}]},
        "clinical": {"table": "films.tsv", "method": "x2ct", "model": "{model}"},
        "tables": {"table1": ["x2ct"], "table2": [], "table3": []},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (tmp_path / "{model}").mkdir()
    for name in MODEL_FILES:
        (tmp_path / "{model}" / name).touch()
    stages = project.pending("all", "clinical", folder=tmp_path)
    assert stages["reconstruct_films"] == len(rows)
    assert stages["score_regions"] == 1
    (tmp_path / "{a}.png").unlink()
    said = project.snakemake("--dry-run", "clinical", check=False, folder=tmp_path)
    assert "'{a}.png' cannot be read: No such file or directory" in said
