"""Generated CT scans: a person drawn from a seed, on a scanner drawn from a seed.

Scan `index` of a seed is the same scan whatever the size of the cohort. It has the orientation
and spacing of its scanner and is imported like a file.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.config.cohort import Region
from srnet.imaging.image import Image
from srnet.phantom.person import Person, SpinalColumn, build_column, draw_person
from srnet.phantom.scanner import Scanner, draw_scanner, field_of_view, simulate_scan, to_file
from srnet.phantom.skeleton import Bones, draw_bones
from srnet.phantom.tissue import draw_tissue

# Thickness of compact bone by label; the arches of vertebrae have a thicker one.
_CORTEX_MM = np.full(256, 1.05, dtype=np.float32)
_CORTEX_MM[:8] = 0.9
_CORTEX_MM[[26, 30, 31, 32, 33, 34]] = 1.0, 1.1, 0.9, 1.2, 1.4, 2.2
_ARCH_CORTEX_MM = np.float32(1.9)


@dataclass(frozen=True)
class Phantom:
    """A generated scan with its ground truth.

    Attributes
    ----------
    image
        The CT as the scanner writes it: int16 HU in the scanner's orientation.
    labels
        uint8 bone labels on the same grid: 1 to 24 for C1 to L5, then
        `srnet.phantom.skeleton.LABELS`; 0 is no bone.
    person, column, scanner
        The patient and the scanner that were drawn.
    """

    image: Image
    labels: Image
    person: Person
    column: SpinalColumn
    scanner: Scanner


def make_phantom(
    index: int, patient: int, seed: int, spacing_mm: float, region: Region
) -> Phantom:
    """Generate one scan with its ground truth.

    Parameters
    ----------
    index, patient
        Number of the scan, which decides its scanner and noise, and of the patient, which
        decides the body.
    seed
        Seed of the run.
    spacing_mm
        Nominal in-plane voxel size; scanners vary around it.
    region
        Field of view.
    """
    person = draw_person(np.random.default_rng([seed, patient, 0]))
    column = build_column(person)
    rng = np.random.default_rng([seed, index, 1])
    scanner = draw_scanner(rng, spacing_mm)
    lattice = field_of_view(scanner, person, column, region)
    bones = draw_bones(lattice, person, column)
    hu = draw_tissue(lattice, person, column, rng)
    _add_bone(hu, bones, person, lattice.step_mm, rng)
    labels = np.where(bones.distance < 0, bones.label, np.uint8(0))
    middle = np.take(
        labels,
        np.arange(scanner.thickness // 2, labels.shape[scanner.thick_axis], scanner.thickness),
        axis=scanner.thick_axis,
    )
    return Phantom(
        image=to_file(simulate_scan(hu, scanner, rng), lattice, scanner),
        labels=to_file(middle, lattice, scanner),
        person=person,
        column=column,
        scanner=scanner,
    )


def _add_bone(
    hu: NDArray[np.float32], bones: Bones, person: Person, step_mm: float, rng: np.random.Generator
) -> None:
    """Replace soft tissue by a shell of compact bone with cancellous bone inside, in place."""
    near = bones.distance < step_mm / 2
    depth, label = -bones.distance[near], bones.label[near]
    cortex = np.where(bones.arch[near], _ARCH_CORTEX_MM, _CORTEX_MM[label])
    whole = np.clip(0.5 + depth / step_mm, 0, 1)
    inside = np.clip(0.5 + (depth - cortex) / step_mm, 0, 1)
    # Trabeculae make the interior uneven; the skull's diploe is denser than a vertebra's.
    grain = rng.standard_normal(depth.shape, dtype=np.float32)
    interior = (
        person.cancellous_hu * np.where(label == 34, 1.8, 1.0)
        + 0.12 * (person.cancellous_hu + 60) * grain
    )
    hu[near] = (
        hu[near] * (1 - whole) + person.cortical_hu * (whole - inside) + interior * inside
    ).astype(np.float32)
