"""The words in a model folder: its card and its licence notes."""

from collections.abc import Mapping
from typing import Any

__all__ = ["licence_notes", "model_card"]

SHOWN = ("PSNR", "SSIM", "CS", "MAE", "PSNR3D", "Dice")


def licence_notes(cohort: Mapping[str, Any]) -> str:
    """Return under what the weights may be used, as far as the run knows."""
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
    """Return the model card as Markdown, every number from the run's own files."""
    net, size = about["net"], about["size"]
    scans = cohort["scans"]
    extent = " x ".join(f"{edge:.0f}" for edge in cohort["training_extent_mm"]["median"])
    return f"""# {about["method"]}: two x-rays to a spine

Network `{net["name"]}`, {size} voxels along each edge, width {net["width"]}. Trained by srnet on
x-rays that were projected from CT (source to isocentre {about["source_to_isocentre_mm"]:g} mm,
to detector {about["source_to_detector_mm"]:g} mm) after everything but bone had been removed.

## What it is for

Research on reconstruction from two views. Not for diagnosis, planning or measurement: what two
views leave open is filled from the training cohort.

## What it has seen

{scans["train"]} scans of {cohort["training_patients"]} patients, {scans["validation"]} for
validation, {scans["test"]} for test. Sources: {_listed(cohort["training_sources"])}.
Median field of view {extent} mm (height, depth, width). No film was among the x-rays; films
contain soft tissue, which the training x-rays do not, and results on films are not validated.

## What it reaches on its test set

{_scores(metrics["scores"])}

Its own DRRs against its input, median correlation over {metrics["reprojection"]["scans"]} test
scans: {_listed(metrics["reprojection"]["correlation_median"])}.

## How to use it

    srnet reconstruct --ap AP --lateral LATERAL --model THIS_FOLDER --out OUT

`manifest.json` lists every file with its SHA-256; a folder with a changed, missing or foreign
file is refused. Licences: LICENCES.md.
"""


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _scores(scores: Mapping[str, Mapping[str, float | None]]) -> str:
    """Return a Markdown table of the method and the floors."""
    present = [name for name in SHOWN if any(name in row for row in scores.values())]
    head = "| row | " + " | ".join(present) + " |\n" + "|---" * (len(present) + 1) + "|"
    lines = [
        f"| {row} | " + " | ".join(_number(values.get(name)) for name in present) + " |"
        for row, values in scores.items()
    ]
    return "\n".join([head, *lines])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
