"""Where each vertebra stands: the column stacked from the sacrum upwards.

Each vertebra tilts in the sagittal plane by the person's curves and, in
scoliosis, in the coronal plane, where it also turns about its own axis
towards the convex side. Bodies and discs are stacked along these tilts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.phantom.morphometry import LEVELS, Measures, measures
from srnet.phantom.person import Person
from srnet.phantom.shapes import Field, Frame

_SACRUM = len(LEVELS)
_LUMBAR_TOP = LEVELS.index("L1")
_THORACIC_TOP = LEVELS.index("T1")
_CERVICAL_TOP = LEVELS.index("C2")


@dataclass(frozen=True)
class Vertebra:
    """One vertebra: its name, label (C1 = 1 ... L5 = 24), measures and place."""

    level: str
    label: int
    measures: Measures
    frame: Frame


@dataclass(frozen=True)
class SpinalColumn:
    """The presacral vertebrae from C1 to L5, and the upper end plate of S1."""

    vertebrae: tuple[Vertebra, ...]
    sacrum: Frame

    def centre_line(self, heights: Field, axis: int) -> Field:
        """Return the column's right (0) or anterior (1) position at world heights."""
        frames = [self.sacrum, *(v.frame for v in reversed(self.vertebrae))]
        places = np.array([frame.centre for frame in frames])
        return np.asarray(np.interp(heights, places[:, 2], places[:, axis]), dtype=np.float32)

    def height_of(self, level: str) -> float:
        """Return the world height of a vertebra's centre; "S1" is the sacral end plate."""
        if level == "S1":
            return float(self.sacrum.centre[2])
        return float(self.vertebrae[LEVELS.index(level)].frame.centre[2])


def build_column(person: Person) -> SpinalColumn:
    """Stack the person's vertebrae upwards from the middle of the S1 end plate at 0, 0, 0."""
    rng = np.random.default_rng(person.shape_seed)
    sizes = [measures(level).scaled(person.size * rng.normal(1, 0.015)) for level in LEVELS]
    place = np.zeros(3)
    below = _SACRUM
    stacked = []
    for index in reversed(range(len(LEVELS))):
        size = sizes[index]
        place = place + size.disc * _attitude(person, (index + below) / 2)[:, 2]
        axes = _attitude(person, index)
        place = place + size.height / 2 * axes[:, 2]
        stacked.append(Vertebra(LEVELS[index], index + 1, size, Frame(place, axes)))
        place = place + size.height / 2 * axes[:, 2]
        below = index
    return SpinalColumn(tuple(reversed(stacked)), Frame(np.zeros(3), _attitude(person, _SACRUM)))


def _attitude(person: Person, level: float) -> NDArray[np.float64]:
    """Return the axes of a vertebra, (3, 3), at a possibly fractional level index."""
    forward = np.deg2rad(_sagittal_deg(person, level))
    sideways, turned = (np.deg2rad(angle) for angle in _coronal_deg(person, level))
    tilt = np.array(
        [[1, 0, 0], [0, np.cos(forward), np.sin(forward)], [0, -np.sin(forward), np.cos(forward)]]
    )
    lean = np.array(
        [
            [np.cos(sideways), 0, np.sin(sideways)],
            [0, 1, 0],
            [-np.sin(sideways), 0, np.cos(sideways)],
        ]
    )
    twist = np.array(
        [[np.cos(turned), -np.sin(turned), 0], [np.sin(turned), np.cos(turned), 0], [0, 0, 1]]
    )
    axes: NDArray[np.float64] = lean @ tilt @ twist
    return axes


def _sagittal_deg(person: Person, level: float) -> float:
    """Return by how much the upward axis leans forward."""
    l1 = person.sacral_slope_deg - person.lordosis_deg
    t1 = l1 + person.kyphosis_deg
    if level >= _LUMBAR_TOP:
        share = (level - _LUMBAR_TOP) / (_SACRUM - _LUMBAR_TOP)
        return l1 + person.lordosis_deg * float(share**1.8)
    if level >= _THORACIC_TOP:
        share = (_LUMBAR_TOP - level) / (_LUMBAR_TOP - _THORACIC_TOP)
        return l1 + person.kyphosis_deg * share**2 * (3 - 2 * share)
    share = min((_THORACIC_TOP - level) / (_THORACIC_TOP - _CERVICAL_TOP), 1.0)
    return t1 - person.neck_deg * share * (1 + share) / 2


def _coronal_deg(person: Person, level: float) -> tuple[float, float]:
    """Return the sideways lean and the axial turn of a vertebra."""
    phase = (level - person.apex) / person.reach
    if abs(phase) > 1:
        return 0.0, 0.0
    lean = person.cobb_deg / 2 * np.sin(np.pi * phase)
    # Bodies turn towards the convex side, spinous processes away from it.
    turn = -0.45 * person.cobb_deg * (1 + np.cos(np.pi * phase)) / 2
    return float(lean), float(turn)
