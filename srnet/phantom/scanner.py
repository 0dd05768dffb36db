"""Generated scanners: voxel size, slice thickness, field of view, noise, file axes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.config.cohort import Region
from srnet.imaging.image import Image
from srnet.imaging.volume import turn
from srnet.phantom.person import Person, SpinalColumn
from srnet.phantom.shapes import Field, Lattice

_THICKEST_MM = 5.0
# Level and distance beyond it, in mm, where a field of view begins and ends.
_REACH: dict[Region, tuple[tuple[str, float], tuple[str, float]]] = {
    "cervical": (("C1", 34), ("T3", -10)),
    "thoracic": (("C7", 12), ("L1", -18)),
    "lumbar": (("T11", 14), ("S1", -88)),
    "whole": (("C1", 30), ("S1", -96)),
}


@dataclass(frozen=True)
class Scanner:
    """How one scan is taken and written.

    Attributes
    ----------
    step_mm
        In-plane voxel size.
    thick_axis, thickness
        Axis of the slices (right, anterior, superior = 0, 1, 2), and their thickness in steps.
    width_mm, behind_mm, before_mm
        Field of view: left-right, and behind and in front of the column.
    jitter_mm
        Shift of the patient on the table and of the ends of the scan.
    noise_hu
        Standard deviation in a voxel of 2 mm edge.
    padding_hu
        Value outside the round field of view, or None for a square one.
    axes
        Directions of the axes in the file, such as "LPS".
    table_origin_mm
        World position of the patient's S1 end plate.
    """

    step_mm: float
    thick_axis: int
    thickness: int
    width_mm: float
    behind_mm: float
    before_mm: float
    jitter_mm: tuple[float, float, float]
    noise_hu: float
    padding_hu: int | None
    axes: str
    table_origin_mm: tuple[float, float, float]


def draw_scanner(rng: np.random.Generator, spacing_mm: float) -> Scanner:
    """Draw a scanner and its settings around a nominal voxel size."""
    step = float(spacing_mm * rng.uniform(0.85, 1.15))
    thickness = int(rng.choice([1, 1, 2, 3]))
    while thickness * step > max(_THICKEST_MM, step):
        thickness -= 1
    padding = [None, None, None, -1024, -2048, -3024][rng.integers(6)]
    shift = rng.uniform(-8, 8, 3)
    place = rng.uniform(-250, 250, 3)
    return Scanner(
        step_mm=step,
        thick_axis=int(rng.choice([2, 2, 2, 0])),
        thickness=thickness,
        width_mm=float(rng.uniform(190, 250)),
        behind_mm=float(rng.uniform(84, 125)),
        before_mm=float(rng.uniform(85, 125)),
        jitter_mm=(float(shift[0]), float(shift[1]), float(shift[2])),
        noise_hu=float(rng.uniform(6, 22)),
        padding_hu=padding,
        axes=str(rng.choice(["LPS", "RAS", "LAS", "PIR", "LPI", "ASL", "SRP"])),
        table_origin_mm=(float(place[0]), float(place[1]), float(place[2])),
    )


def field_of_view(
    scanner: Scanner, person: Person, column: SpinalColumn, region: Region
) -> Lattice:
    """Return the voxels of a scan of `region`, in the person's coordinates."""
    (first, above), (last, below) = _REACH[region]
    top = column.height_of(first) + above * person.size + scanner.jitter_mm[2]
    bottom = column.height_of(last) + below * person.size - scanner.jitter_mm[2] / 2
    heights = np.linspace(bottom, top, 50).astype(np.float32)
    right, front = column.centre_line(heights, 0), column.centre_line(heights, 1)
    middle = float(right.max() + right.min()) / 2 + scanner.jitter_mm[0]
    width = (scanner.width_mm + float(np.ptp(right))) * person.size
    low = middle - width / 2, float(front.min()) - scanner.behind_mm * person.size, bottom
    high = middle + width / 2, float(front.max()) + scanner.before_mm * person.size, top
    counts = [max(int((h - lo) / scanner.step_mm), 4) for lo, h in zip(low, high, strict=True)]
    counts[scanner.thick_axis] -= counts[scanner.thick_axis] % scanner.thickness
    return Lattice(low, scanner.step_mm, (counts[0], counts[1], counts[2]))


def simulate_scan(hu: Field, scanner: Scanner, rng: np.random.Generator) -> NDArray[np.int16]:
    """Average voxels into slices, add noise, and pad outside a round field of view."""
    slices = average(hu, scanner.thick_axis, scanner.thickness)
    volume_mm3 = scanner.step_mm**3 * scanner.thickness
    sigma = scanner.noise_hu * float(np.sqrt(8 / volume_mm3))
    noise = rng.standard_normal(slices.shape, dtype=np.float32)
    # Reconstruction kernels correlate neighbours in the plane of the gantry.
    noise[1:] = np.float32(0.8) * noise[1:] + np.float32(0.6) * noise[:-1]
    values = np.clip(np.rint(slices + np.float32(sigma) * noise), -1024, 3071).astype(np.int16)
    if scanner.padding_hu is not None:
        across, along = (np.linspace(-1, 1, n) for n in values.shape[:2])
        values[(across[:, None] ** 2 + along**2) > 1.25] = scanner.padding_hu
    return values


def average(array: Field, axis: int, count: int) -> Field:
    """Average groups of `count` neighbours along an axis."""
    shape = array.shape
    split = (*shape[:axis], shape[axis] // count, count, *shape[axis + 1 :])
    return np.asarray(array.reshape(split).mean(axis=axis + 1), dtype=array.dtype)


def to_file(array: NDArray[np.generic], lattice: Lattice, scanner: Scanner) -> Image:
    """Return an array indexed [right, anterior, superior] in this scanner's axes and origin."""
    spacing = np.full(3, lattice.step_mm)
    spacing[scanner.thick_axis] *= scanner.thickness
    corner = np.array(lattice.origin_mm) + (spacing - lattice.step_mm) / 2
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = corner + np.array(scanner.table_origin_mm)
    right, front, up = (float(size) for size in spacing)
    return turn(Image(array, affine, (right, front, up)), scanner.axes)
