"""Stage: pack a trained model into one folder that holds all that reconstruction needs.

The folder holds the weights (safetensors), the settings of the network and of its x-rays,
summaries of the training cohort and its x-rays, the scores on the test set, licence notes, a
model card, and a manifest with the digest of every file.
"""

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.core.atomic import atomic_folder, refuse_existing, write_text
from srnet.core.errors import SrnetError
from srnet.dataset.hdf5 import DataSet, read_dataset, read_predictions
from srnet.dataset.split import read_split
from srnet.evaluate.baselines import BASELINES
from srnet.evaluate.reprojection import reproject, view_consistency
from srnet.evaluate.scores import read_scores
from srnet.export.model_folder import Reference, write_manifest
from srnet.export.xray_statistics import XrayStatistics, view_statistics
from srnet.imaging.geometry import View
from srnet.imaging.volume import Volume
from srnet.provenance.store import Store

SHOWN = ("PSNR", "SSIM", "CS", "MAE", "PSNR3D", "Dice")
"""Scores in the model card."""
PARTS = ("train", "validation", "test")


def licence_notes(cohort: Mapping[str, Any]) -> str:
    """Return the licences of the training scans, as far as the run knows them, as Markdown."""
    rows = "\n".join(
        f"- {count} scans: {licence}" for licence, count in cohort["training_licences"].items()
    )
    sources = ", ".join(cohort["training_sources"])
    return (
        "# Licences\n\n"
        "Code: Apache-2.0. The weights were learned from the scans below and carry whatever "
        "their terms ask of derived works; `unknown` means that the run states no "
        "licence for them. Look the source up before you pass the model on.\n\n"
        f"Sources of the training scans: {sources}.\n\n{rows}\n"
    )


def model_card(
    about: Mapping[str, Any], cohort: Mapping[str, Any], metrics: Mapping[str, Any]
) -> str:
    """Return the model card as Markdown; every number is from the run's own files."""
    net, size = about["net"], about["size"]
    scans = cohort["scans"]
    extent = " x ".join(f"{edge:.0f}" for edge in cohort["training_extent_mm"]["median"])
    return f"""# {about["method"]}: two x-rays to a spine

Network `{net["name"]}`, {size} voxels along each edge, width {net["width"]}. Trained by srnet on
x-rays that were projected from CT (source to isocentre {about["source_to_isocentre_mm"]:g} mm)
after everything but bone had been removed.

## What it is for

Research on reconstruction from two views. Not for diagnosis, planning or measurement: what two
views leave open is filled from the training cohort.

## What it was trained on

{scans["train"]} scans of {cohort["training_patients"]} patients, {scans["validation"]} for
validation, {scans["test"]} for test. Sources: {_listed(cohort["training_sources"])}.
Median field of view {extent} mm (height, depth, width). No film was among the x-rays. Films
show soft tissue, which the training x-rays do not, and results on films are not validated.

## Scores on its test set

{_scores(metrics["scores"])}

Median correlation of its reconstructions' DRRs with its input, over
{metrics["reprojection"]["scans"]} test scans:
{_listed(metrics["reprojection"]["correlation_median"])}.

## How to use it

    srnet reconstruct --ap AP --lateral LATERAL --model THIS_FOLDER --out OUT

`manifest.json` lists every file with its SHA-256; a folder with a changed, missing or foreign
file is refused. Licences: LICENCES.md.
"""


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _scores(scores: Mapping[str, Mapping[str, float | None]]) -> str:
    """Return a Markdown table of the method and the baselines."""
    present = [name for name in SHOWN if any(name in row for row in scores.values())]
    head = "| row | " + " | ".join(present) + " |\n" + "|---" * (len(present) + 1) + "|"
    lines = [head]
    for row, values in scores.items():
        numbers = [values.get(name) for name in present]
        cells = ["" if number is None else f"{number:.4g}" for number in numbers]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


@dataclass(frozen=True)
class RunFiles:
    """The files of one method in a results folder.

    Attributes
    ----------
    method
        Its name.
    model, train, test, split, prediction
        Files of the run.
    scores
        Table of scores by row: the method's and, where present, the baselines'.
    licences
        Licence by scan id; that of any other scan is unknown.
    """

    method: str
    model: Path
    train: Path
    test: Path
    split: Path
    prediction: Path
    scores: Mapping[str, Path]
    licences: Mapping[str, str]


def find_run(results: str | Path, method: str | None = None) -> RunFiles:
    """Find the files of a method in a results folder.

    Parameters
    ----------
    results
        The results folder of a run.
    method
        Name of the method; may be omitted where only one was trained.

    Raises
    ------
    SrnetError
        If the method is ambiguous or unknown, or files are missing.
    """
    results = Path(results)
    trained = sorted(path.parent.name for path in results.glob("models/*/model.safetensors"))
    if method is None and len(trained) == 1:
        method = trained[0]
    if method not in trained:
        known = ", ".join(trained) or "none"
        raise SrnetError(f"{results}: method {method} has no model; give --method, one of {known}")
    rows = {row: results / "scores" / f"{row}.tsv" for row in (method, *BASELINES)}
    record = Store(results).read_artifact("split.tsv")
    files = RunFiles(
        method=method,
        model=results / "models" / method / "model.safetensors",
        train=results / "dataset" / "train.h5",
        test=results / "dataset" / "test.h5",
        split=results / "split.tsv",
        prediction=results / "predictions" / f"{method}.h5",
        scores={row: path for row, path in rows.items() if path.is_file() or row == method},
        licences={
            scan["scan_id"]: scan["licence"]
            for scan in (record["params"]["scans"] if record else [])
        },
    )
    needed = (files.train, files.test, files.split, files.prediction, files.scores[method])
    missing = [str(path) for path in needed if not path.is_file()]
    if missing:
        raise SrnetError(f"{', '.join(missing)}: missing; finish the run before exporting")
    return files


def export_model(run: RunFiles, folder: str | Path) -> None:
    """Write the model folder, whole or not at all.

    Raises
    ------
    SrnetError
        If the folder exists, or a file of the run cannot be read.
    """
    from srnet.train.checkpoint import load_model

    refuse_existing(folder)
    card = load_model(run.model).card
    train, test = read_dataset(run.train), read_dataset(run.test)
    about = {"method": run.method, **card.plain(), **asdict(train.beam)}
    cohort = summarise_cohort(run, train)
    metrics = {"scores": _mean_scores(run), "reprojection": reference(run, test).plain()}
    with atomic_folder(folder) as partial:
        shutil.copyfile(run.model, partial / "model.safetensors")
        for name, content in (
            ("model", about),
            ("cohort", cohort),
            ("metrics", metrics),
            ("statistics", summarise_xrays(train).plain()),
        ):
            text = json.dumps(content, indent=2, sort_keys=True)
            write_text(partial / f"{name}.json", text + "\n")
        write_text(partial / "LICENCES.md", licence_notes(cohort))
        write_text(partial / "README.md", model_card(about, cohort, metrics))
        write_manifest(partial)


def summarise_xrays(train: DataSet) -> XrayStatistics:
    """Return statistics of the training x-rays and volumes."""
    pairs = [train.xrays(index) for index in range(len(train))]
    views = {
        view.value: view_statistics(
            np.stack([pair[number].grey for pair in pairs]), train.full_scale_hu_mm[:, number]
        )
        for number, view in enumerate(View)
    }
    low, median, high = np.quantile(train.spacing_mm, (0.05, 0.5, 0.95), axis=0)
    return XrayStatistics(
        samples=len(train),
        size=train.size,
        spacing_low_mm=_triple(low),
        spacing_median_mm=_triple(median),
        spacing_high_mm=_triple(high),
        **views,
    )


def summarise_cohort(run: RunFiles, train: DataSet) -> dict[str, Any]:
    """Return numbers of scans, patients, sources and licences; no patient is named."""
    rows = read_split(run.split)
    in_training = [row for row in rows if row.part == "train"]
    licences = Counter(run.licences.get(row.scan, "unknown") for row in in_training)
    extents = train.spacing_mm * train.size
    return {
        "scans": {part: sum(row.part == part for row in rows) for part in PARTS},
        "training_patients": len({row.patient for row in in_training}),
        "training_sources": dict(sorted(Counter(row.source for row in in_training).items())),
        "training_licences": dict(sorted(licences.items())),
        "training_extent_mm": {
            "axes": "craniocaudal, anteroposterior, left-right",
            "p05": np.quantile(extents, 0.05, axis=0).round(1).tolist(),
            "median": np.median(extents, axis=0).round(1).tolist(),
            "p95": np.quantile(extents, 0.95, axis=0).round(1).tolist(),
        },
    }


def reference(run: RunFiles, test: DataSet) -> Reference:
    """Return how well DRRs of the model's reconstructions of the test set fit their input."""
    predictions = read_predictions(run.prediction)
    beam = test.beam
    correlations: dict[View, list[float]] = {view: [] for view in View}
    for index in range(len(predictions)):
        volume = Volume(predictions.network_volume(index), test.grid(index))
        drrs = reproject(volume, beam)
        for view, xray in zip(View, test.xrays(index), strict=True):
            correlations[view].append(view_consistency(drrs[view], xray.grey).correlation)
    return Reference(
        scans=len(predictions),
        correlation_p05=_quantile(correlations, 0.05),
        correlation_median=_quantile(correlations, 0.5),
    )


def _quantile(values: Mapping[View, list[float]], share: float) -> dict[str, float]:
    return {view.value: round(float(np.quantile(v, share)), 4) for view, v in values.items()}


def _mean_scores(run: RunFiles) -> dict[str, dict[str, float | None]]:
    """Return the mean of every metric by row, the method first."""
    means: dict[str, dict[str, float | None]] = {}
    for row, path in run.scores.items():
        numbers = read_scores(path).select_dtypes("number")
        means[row] = {
            str(name): round(float(mean), 6) if np.isfinite(mean) else None
            for name, mean in numbers.mean().items()
        }
    return means


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    first, second, third = (round(float(value), 4) for value in values)
    return first, second, third
