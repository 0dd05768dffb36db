"""Generated CT scans: a person drawn from a seed, on a scanner drawn from a seed.

Scan number `index` of seed `seed` is always the same scan, whatever the size
of the cohort. It leaves the scanner in some orientation with some spacing, as
a file would, and is imported like one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.config.cohort import Region
from srnet.imaging.formats import Image
from srnet.phantom.person import Person, draw_person
from srnet.phantom.posture import SpinalColumn, build_column
from srnet.phantom.scanner import Scanner, draw_scanner, expose, lattice_for, to_file
from srnet.phantom.skeleton import Bones, draw_bones
from srnet.phantom.tissue import draw_tissue

_CORTEX_MM = {26: 1.0, 30: 1.1, 31: 0.9, 32: 1.2, 33: 1.4, 34: 2.2}
_CERVICAL_CORTEX_MM, _TRUNK_CORTEX_MM, _ARCH_CORTEX_MM = 0.9, 1.05, 1.9


@dataclass(frozen=True)
class Phantom:
    """A generated scan with its truth.

    Attributes
    ----------
    image
        The CT as the scanner writes it: int16 HU in the scanner's orientation.
    labels
        uint8 bone labels on the same grid: 1 to 24 for C1 to L5, then
        `srnet.phantom.skeleton.LABELS`; 0 is no bone.
    person, column, scanner
        What was drawn.
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
    lattice = lattice_for(scanner, person, column, region)
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
        image=to_file(expose(hu, scanner, rng), lattice, scanner),
        labels=to_file(middle, lattice, scanner),
        person=person,
        column=column,
        scanner=scanner,
    )


def _cortex_mm() -> NDArray[np.float32]:
    """Return the thickness of compact bone by label."""
    thickness = np.full(256, _TRUNK_CORTEX_MM, dtype=np.float32)
    thickness[:8] = _CERVICAL_CORTEX_MM
    for label, value in _CORTEX_MM.items():
        thickness[label] = value
    return thickness


def _add_bone(
    hu: NDArray[np.float32], bones: Bones, person: Person, step_mm: float, rng: np.random.Generator
) -> None:
    """Lay a compact shell with cancellous bone inside over the soft tissue, in place."""
    near = bones.distance < step_mm / 2
    depth, label = -bones.distance[near], bones.label[near]
    cortex = np.where(bones.arch[near], np.float32(_ARCH_CORTEX_MM), _cortex_mm()[label])
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
