"""Who is generated: sex, size, posture, density and disease, and the column that follows.

Each vertebra tilts in the sagittal plane by the person's curves and, in scoliosis, in the
coronal plane, where it also turns about its own axis towards the convex side. Bodies and discs
are stacked along these tilts from the sacrum upwards.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.phantom.morphometry import LEVELS, Measures, measures
from srnet.phantom.shapes import Field, Frame, rotation

_SACRUM = len(LEVELS)
_LUMBAR_TOP = LEVELS.index("L1")
_THORACIC_TOP = LEVELS.index("T1")
_CERVICAL_TOP = LEVELS.index("C2")


@dataclass(frozen=True)
class Person:
    """What all scans of one generated patient share.

    Attributes
    ----------
    female, size, girth
        Sex, and factors on all bone measures and on the body outline and fat.
    sacral_slope_deg, lordosis_deg, kyphosis_deg, neck_deg
        Sagittal posture: slope of S1, L1-S1, T1-T12, C2-C7.
    cobb_deg, apex, reach
        Scoliosis: signed Cobb angle, level index of the apex, levels to each end.
    fracture, fracture_loss
        Label of a compressed vertebra or 0, and the share of anterior height lost.
    cancellous_hu, cortical_hu
        Density of vertebral interior and of compact bone.
    contrast_hu
        Enhancement of the aorta, 0 without contrast medium.
    shape_seed
        Seed of the small individual differences between vertebrae.
    """

    female: bool
    size: float
    girth: float
    sacral_slope_deg: float
    lordosis_deg: float
    kyphosis_deg: float
    neck_deg: float
    cobb_deg: float
    apex: float
    reach: float
    fracture: int
    fracture_loss: float
    cancellous_hu: float
    cortical_hu: float
    contrast_hu: float
    shape_seed: int


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a patient from an adult population in which disease is common."""
    female = bool(rng.random() < 0.5)
    old = rng.random()
    slope = float(np.clip(rng.normal(39, 6), 24, 54))
    scoliotic = rng.random() < 0.25
    cobb = rng.uniform(12, 38) if scoliotic else rng.uniform(0, 6)
    fractured = rng.random() < 0.15 + 0.2 * old
    # Most vertebral fractures lie at the thoracolumbar junction and in the mid thorax.
    fracture = int(rng.choice([14, 15, 18, 19, 20, 21, 22])) if fractured else 0
    return Person(
        female=female,
        size=float(np.clip(rng.normal(0.95 if female else 1.03, 0.035), 0.86, 1.12)),
        girth=float(np.clip(rng.normal(1.0, 0.1), 0.82, 1.25)),
        sacral_slope_deg=slope,
        lordosis_deg=slope + float(np.clip(rng.normal(17, 4), 8, 26)),
        kyphosis_deg=float(np.clip(rng.normal(38 + 10 * old, 6), 24, 60)),
        neck_deg=float(np.clip(rng.normal(26, 7), 8, 42)),
        cobb_deg=float(cobb * rng.choice([-1, 1])),
        apex=float(rng.uniform(12, 20)),
        reach=float(rng.uniform(4.5, 6.5)),
        fracture=fracture,
        fracture_loss=float(rng.uniform(0.2, 0.5)),
        cancellous_hu=float(np.clip(rng.normal(260 - 150 * old, 25), 70, 330)),
        cortical_hu=float(np.clip(rng.normal(1080 - 150 * old, 70), 750, 1250)),
        contrast_hu=float(rng.uniform(120, 220)) if rng.random() < 0.2 else 0.0,
        shape_seed=int(rng.integers(2**31)),
    )


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
    stacked = []
    for index in reversed(range(len(LEVELS))):
        size = sizes[index]
        place = place + size.disc * _orientation(person, index + 0.5)[:, 2]
        axes = _orientation(person, index)
        place = place + size.height / 2 * axes[:, 2]
        stacked.append(Vertebra(LEVELS[index], index + 1, size, Frame(place, axes)))
        place = place + size.height / 2 * axes[:, 2]
    sacrum = Frame(np.zeros(3), _orientation(person, _SACRUM))
    return SpinalColumn(tuple(reversed(stacked)), sacrum)


def _orientation(person: Person, level: float) -> NDArray[np.float64]:
    """Return the axes of a vertebra, (3, 3), at a possibly fractional level index."""
    forward = np.deg2rad(_sagittal_deg(person, level))
    sideways, turned = (np.deg2rad(angle) for angle in _coronal_deg(person, level))
    lean, tilt, twist = rotation(0, 2, sideways), rotation(1, 2, forward), rotation(1, 0, turned)
    return lean @ tilt @ twist


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
