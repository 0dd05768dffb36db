"""Stage: pack a trained model into one folder that reconstruction needs nothing beside.

The folder holds the weights (safetensors), what the network is and how its
x-rays were made, what the training cohort and its x-rays look like, the
scores on the test set, licence notes, a model card, and a manifest with the
digest of every file.
"""

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.atomic import atomic_folder, write_text
from srnet.clinical.consistency import compare, reproject
from srnet.clinical.folder import refuse_existing
from srnet.clinical.model_card import licence_notes, model_card
from srnet.clinical.model_folder import Reference, write_manifest
from srnet.clinical.statistics import XrayStatistics, view_statistics
from srnet.config.run import FLOORS
from srnet.dataset.samples import Samples, read_predictions, read_samples
from srnet.dataset.split_cohort import read_split
from srnet.errors import SrnetError
from srnet.evaluate.evaluate import read_scores
from srnet.prepare.geometry import ConeBeam, View
from srnet.provenance.store import Store
from srnet.volume import Volume

__all__ = ["RunFiles", "export_model", "find_run"]


@dataclass(frozen=True)
class RunFiles:
    """What a run left of one method.

    Attributes
    ----------
    method
        Name of the method.
    model, train, test, split, prediction
        Files of the run.
    scores
        Table of scores by row: the method's and, where present, the floors'.
    licences
        Licence by scan id; scans that are missing count as of unknown licence.
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
        Name of the method; not needed where only one was trained.

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
    rows = {row: results / "scores" / f"{row}.tsv" for row in (method, *FLOORS)}
    files = RunFiles(
        method=method,
        model=results / "models" / method / "model.safetensors",
        train=results / "dataset" / "train.h5",
        test=results / "dataset" / "test.h5",
        split=results / "split.tsv",
        prediction=results / "predictions" / f"{method}.h5",
        scores={row: path for row, path in rows.items() if path.is_file() or row == method},
        licences=_recorded_licences(results),
    )
    needed = (files.train, files.test, files.split, files.prediction, files.scores[method])
    missing = [str(path) for path in needed if not path.is_file()]
    if missing:
        raise SrnetError(f"{', '.join(missing)}: missing; finish the run before exporting")
    return files


def _recorded_licences(results: Path) -> dict[str, str]:
    """Return the licence of every scan of the cohort as the record of the split states it."""
    record = Store(results).read_artifact("split.tsv")
    scans = record["params"]["scans"] if record else []
    return {scan["scan_id"]: scan["licence"] for scan in scans}


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
    train, test = read_samples(run.train), read_samples(run.test)
    about = {"method": run.method, **card.plain(), **_geometry(train)}
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


def summarise_xrays(train: Samples) -> XrayStatistics:
    """Return what the training x-rays and volumes look like."""
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


def summarise_cohort(run: RunFiles, train: Samples) -> dict[str, Any]:
    """Return whom the model has seen, without naming anybody."""
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


PARTS = ("train", "validation", "test")


def reference(run: RunFiles, test: Samples) -> Reference:
    """Return how well the model's DRRs agree with its input on its own test set."""
    predictions = read_predictions(run.prediction)
    beam = _beam(test)
    correlations: dict[View, list[float]] = {view: [] for view in View}
    for index in range(len(predictions)):
        volume = Volume(predictions.network_volume(index), test.grid(index))
        drrs = reproject(volume, beam)
        for view, xray in zip(View, test.xrays(index), strict=True):
            correlations[view].append(compare(drrs[view], xray.grey).correlation)
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


def _geometry(samples: Samples) -> dict[str, float]:
    beam = _beam(samples)
    return {
        "source_to_isocentre_mm": beam.source_to_isocentre_mm,
        "source_to_detector_mm": beam.source_to_detector_mm,
    }


def _beam(samples: Samples) -> ConeBeam:
    names = ("source_to_isocentre_mm", "source_to_detector_mm")
    return ConeBeam(*(float(samples.attributes[name]) for name in names))


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    first, second, third = (round(float(value), 4) for value in values)
    return first, second, third
