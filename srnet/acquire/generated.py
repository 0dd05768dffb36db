"""The source of generated scans: a person and a scanner drawn from a seed and a number.

The size of the cohort does not change a scan.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from srnet.acquire.integrity import check_geometry
from srnet.acquire.scan import GENERATED, Scan
from srnet.config.cohort import PhantomSource
from srnet.imaging.image import Image
from srnet.imaging.volume import Volume, canonical

if TYPE_CHECKING:
    from srnet.phantom.phantom import Phantom

_SCANS_A_PATIENT = 8


def list_source(settings: PhantomSource) -> list[Scan]:
    """Return the rows of the generated scans.

    Every eighth scan is a second one of the patient before it, as in clinical cohorts, so that
    the split by patient differs from a split by scan.
    """
    return [
        Scan(
            scan_id=f"phantom{index:04d}",
            patient_id=f"phantom{_patient(index):04d}",
            source=settings.kind,
            index=index,
            spacing_mm=settings.spacing_mm,
            region=settings.regions[index % len(settings.regions)],
            licence="CC0-1.0",
            labels=GENERATED,
        )
        for index in range(settings.count)
    ]


def generate(scan: Scan, seed: int) -> "Phantom":
    """Return a generated scan as the scanner writes it, with its ground truth."""
    from srnet.phantom.phantom import make_phantom

    index = scan.index
    return make_phantom(index, _patient(index), seed, scan.spacing_mm, scan.region)


def read(scan: Scan, seed: int) -> Volume:
    """Generate one scan and import it like a file."""
    return canonical(check_geometry(generate(scan, seed).image, scan.scan_id))


def generated_labels(scan: Scan, seed: int) -> Image:
    """Return the vertebrae and the sacrum of a generated scan, numbered as in VerSe."""
    from srnet.phantom.skeleton import LABELS

    labels = generate(scan, seed).labels
    spine = np.where(labels.array <= LABELS["sacrum"], labels.array, np.uint8(0))
    return replace(labels, array=spine)


def _patient(index: int) -> int:
    return index - 1 if index % _SCANS_A_PATIENT == _SCANS_A_PATIENT - 1 else index
