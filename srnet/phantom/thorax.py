"""The rib cage: paths of the ribs, their cartilage, the sternum, and the room inside.

Each rib runs from its vertebra's side over the transverse process onto an
ellipse around the chest, along which it descends forwards.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.phantom.person import Person
from srnet.phantom.posture import SpinalColumn, Vertebra

Path = tuple[NDArray[np.float64], ...]
"""World points, (3,) each, RAS mm."""

# Half width, half depth, descent and bony end (degrees from the back) of ribs 1 to 12.
_RIBS = np.array(
    [
        (50, 36, 30, 140),
        (68, 48, 45, 140),
        (86, 60, 58, 140),
        (99, 70, 68, 138),
        (109, 78, 78, 136),
        (116, 84, 88, 134),
        (121, 88, 97, 132),
        (124, 91, 104, 128),
        (126, 93, 108, 122),
        (124, 93, 106, 112),
        (118, 92, 74, 84),
        (108, 90, 48, 58),
    ],
    dtype=float,
)
_SAMPLES = 22


@dataclass(frozen=True)
class Rib:
    """One rib: bone from the vertebra forwards, then cartilage (may be empty)."""

    bone: Path
    cartilage: Path
    radius_mm: float


@dataclass(frozen=True)
class Cage:
    """The chest's inner outline by height: ellipses, from the first to the last rib.

    Attributes
    ----------
    heights_mm
        World heights, increasing.
    centre_x_mm, centre_y_mm, half_width_mm, half_depth_mm
        Ellipse at each height.
    """

    heights_mm: NDArray[np.float64]
    centre_x_mm: NDArray[np.float64]
    centre_y_mm: NDArray[np.float64]
    half_width_mm: NDArray[np.float64]
    half_depth_mm: NDArray[np.float64]

    def at(self, heights: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Return centre x, centre y, half width and half depth at world heights."""
        rows = self.centre_x_mm, self.centre_y_mm, self.half_width_mm, self.half_depth_mm
        return tuple(np.interp(heights, self.heights_mm, row).astype(np.float32) for row in rows)


def cage(person: Person, column: SpinalColumn) -> Cage:
    """Return the outline of the rib cage around the person's thoracic column."""
    rows = [_ellipse(person, vertebra) for vertebra in reversed(column.vertebrae[7:19])]
    table = np.array(rows).T
    return Cage(table[0], table[1], table[2], table[3], table[4])


def _ellipse(person: Person, vertebra: Vertebra) -> tuple[float, float, float, float, float]:
    """Return height, centre x, centre y, half width, half depth of a rib's level."""
    width, depth = _RIBS[vertebra.label - 8, :2] * person.size
    behind = vertebra.measures.depth / 2 + vertebra.measures.canal_depth + 13 * person.size
    x, y, z = vertebra.frame.centre
    return float(z), float(x), float(y - behind + depth), float(width), float(depth)


def ribs(person: Person, column: SpinalColumn) -> list[Rib]:
    """Return the 24 ribs, each right one before its left one."""
    return [
        _rib(person, vertebra, side, sternum(person, column))
        for vertebra in column.vertebrae[7:19]
        for side in (1, -1)
    ]


def _rib(person: Person, vertebra: Vertebra, side: int, front: Path) -> Rib:
    number = vertebra.label - 8
    size = vertebra.measures
    _, x, y, width, depth = _ellipse(person, vertebra)
    drop, end = _RIBS[number, 2] * person.size, np.deg2rad(_RIBS[number, 3])
    neck = [
        vertebra.frame.at(side * (size.width / 2 + 1), -size.depth * 0.36, size.height * 0.42),
        vertebra.frame.at(side * (size.span / 2 - 5), -size.depth / 2 - 16, size.height * 0.4),
    ]
    start = np.arcsin(min((size.span / 2 + 6) / width, 0.9))
    angles = np.linspace(start, end, _SAMPLES)
    fall = neck[1][2] - drop * ((1 - np.cos(angles)) / 2) ** 0.85
    arc = np.stack([x + side * width * np.sin(angles), y - depth * np.cos(angles), fall], axis=1)
    bone = (*neck, *arc)
    # The first seven cartilages reach the sternum, the next three the one above.
    reach = front[min(number, 6) * (len(front) - 1) // 6] + np.array([side * 16.0, 0, 0])
    joint = (arc[-1], (arc[-1] + reach) / 2 + np.array([0, 6.0, -4.0]), reach)
    return Rib(bone, joint if number < 10 else (), 4.6 if 0 < number < 10 else 4.0)


def sternum(person: Person, column: SpinalColumn) -> Path:
    """Return the middle line of the sternum from the jugular notch downwards."""
    outline = cage(person, column)
    heights = np.linspace(column.height_of("T3"), column.height_of("T9"), 7).astype(np.float32)
    x, y, _, depth = outline.at(heights)
    ahead = np.interp(heights, [column.height_of("T9"), column.height_of("T3")], [0.98, 1.1])
    return tuple(np.stack([x, y + ahead * depth - 8, heights], axis=1).astype(float))
