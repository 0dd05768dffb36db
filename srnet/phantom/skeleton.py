"""All bones of a person, drawn into one distance field with a label per bone.

A rib runs from the side of its vertebra over the transverse process onto an ellipse around the
chest, along which it descends forwards.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from srnet.phantom.bones import VERTEBRA_BOX, sacrum_distance, skull_distance, vertebra_distance
from srnet.phantom.person import Person, SpinalColumn, Vertebra
from srnet.phantom.shapes import WORLD, Field, Frame, Lattice, Points, Triple, bar, rotation

LABELS = {"sacrum": 26, "rib": 30, "sternum": 31, "shoulder": 32, "pelvis": 33, "skull": 34}
"""Labels beside the vertebrae's 1 (C1) to 24 (L5), which follow the VerSe data sets."""

Polyline = tuple[NDArray[np.float64], ...]
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
# Right side, mm from the middle of the S1 end plate, at a sacral slope of 39 degrees.
_ILIUM_HUB = np.array((82.0, 2.0, -72.0))
_ILIAC_CREST = np.array(
    [
        (44.0, -62.0, -62.0),
        (40.0, -76.0, -30.0),
        (60.0, -74.0, 8.0),
        (96.0, -52.0, 30.0),
        (124.0, -14.0, 32.0),
        (135.0, 22.0, 12.0),
        (124.0, 50.0, -24.0),
        (112.0, 46.0, -48.0),
    ]
)
_PELVIC_BARS: tuple[tuple[NDArray[np.float64], tuple[float, float]], ...] = (
    (np.array([(80.0, 6.0, -76.0), (78.0, 2.0, -106.0), (62.0, -22.0, -160.0)]), (17.0, 12.0)),
    (np.array([(80.0, 22.0, -96.0), (48.0, 52.0, -112.0), (7.0, 60.0, -136.0)]), (13.0, 8.0)),
    (np.array([(62.0, -18.0, -160.0), (34.0, 22.0, -156.0), (8.0, 56.0, -140.0)]), (9.0, 6.0)),
    (np.array([(92.0, 16.0, -104.0), (93.0, 16.0, -105.0)]), (23.0, 23.0)),
    (np.array([(100.0, 14.0, -110.0), (134.0, 6.0, -138.0), (128.0, 6.0, -230.0)]), (14.0, 15.0)),
)
# Right side, mm from the centre of T2.
_GLENOID = np.array((148.0, -18.0, -6.0))
_SCAPULA_BORDER = np.array(
    [(128.0, -20.0, 22.0), (82.0, -58.0, 8.0), (80.0, -68.0, -50.0), (96.0, -66.0, -122.0)]
)


@dataclass(frozen=True)
class Rib:
    """One rib: bone from the vertebra forwards, then cartilage (may be empty)."""

    bone: Polyline
    cartilage: Polyline
    radius_mm: float


def rib_cage(
    person: Person, column: SpinalColumn, heights: NDArray[np.float32]
) -> tuple[NDArray[np.float32], ...]:
    """Return centre x, centre y, half width and half depth of the chest at world heights."""
    rows = [_rib_ellipse(person, vertebra) for vertebra in reversed(column.vertebrae[7:19])]
    levels, *table = np.array(rows).T
    return tuple(np.interp(heights, levels, row).astype(np.float32) for row in table)


def _rib_ellipse(person: Person, vertebra: Vertebra) -> tuple[float, float, float, float, float]:
    """Return height, centre x, centre y, half width and half depth at the level of a rib."""
    width, depth = _RIBS[vertebra.label - 8, :2] * person.size
    behind = vertebra.measures.depth / 2 + vertebra.measures.canal_depth + 13 * person.size
    x, y, z = vertebra.frame.centre
    return float(z), float(x), float(y - behind + depth), float(width), float(depth)


def ribs(person: Person, column: SpinalColumn) -> list[Rib]:
    """Return the 24 ribs, each right one before its left one."""
    front = sternum(person, column)
    return [
        _rib(person, vertebra, side, front)
        for vertebra in column.vertebrae[7:19]
        for side in (1, -1)
    ]


def _rib(person: Person, vertebra: Vertebra, side: int, front: Polyline) -> Rib:
    number = vertebra.label - 8
    size = vertebra.measures
    _, x, y, width, depth = _rib_ellipse(person, vertebra)
    drop, end = _RIBS[number, 2] * person.size, np.deg2rad(_RIBS[number, 3])
    neck = [
        vertebra.frame.at(side * (size.width / 2 + 1), -size.depth * 0.36, size.height * 0.42),
        vertebra.frame.at(side * (size.span / 2 - 5), -size.depth / 2 - 16, size.height * 0.4),
    ]
    start = np.arcsin(min((size.span / 2 + 6) / width, 0.9))
    angles = np.linspace(start, end, 22)
    fall = neck[1][2] - drop * ((1 - np.cos(angles)) / 2) ** 0.85
    arc = np.stack([x + side * width * np.sin(angles), y - depth * np.cos(angles), fall], axis=1)
    # The first seven cartilages reach the sternum, the next three the one above.
    reach = front[min(number, 6) * (len(front) - 1) // 6] + np.array([side * 16.0, 0, 0])
    joint = (arc[-1], (arc[-1] + reach) / 2 + np.array([0, 6.0, -4.0]), reach)
    return Rib((*neck, *arc), joint if number < 10 else (), 4.6 if 0 < number < 10 else 4.0)


def sternum(person: Person, column: SpinalColumn) -> Polyline:
    """Return the middle line of the sternum from the jugular notch downwards."""
    heights = np.linspace(column.height_of("T3"), column.height_of("T9"), 7).astype(np.float32)
    x, y, _, depth = rib_cage(person, column, heights)
    ahead = np.interp(heights, [column.height_of("T9"), column.height_of("T3")], [0.98, 1.1])
    return tuple(np.stack([x, y + ahead * depth - 8, heights], axis=1).astype(float))


@dataclass(frozen=True)
class Bones:
    """The skeleton on a lattice.

    Attributes
    ----------
    lattice
        Where the voxels are.
    distance
        float32 signed distance to the nearest bone in mm, 1000 far from any.
    label
        uint8 label of that bone, valid where `distance` is below a few mm.
    arch
        bool, true behind the bodies of vertebrae, where compact bone is thick.
    """

    lattice: Lattice
    distance: Field
    label: NDArray[np.uint8]
    arch: NDArray[np.bool_]

    def add(
        self,
        frame: Frame,
        corners: tuple[Triple, Triple],
        shape: Callable[[Points], Field],
        label: int,
    ) -> None:
        """Draw one solid, given in the coordinates of `frame` within `corners`."""
        box = self.lattice.around(frame, *corners)
        if box is None:
            return
        found = shape(self.lattice.points(box, frame))
        nearer = found < self.distance[box]
        self.distance[box][nearer] = found[nearer]
        self.label[box][nearer] = label

    def add_line(
        self,
        line: Polyline,
        radii: tuple[float, float],
        label: int,
        stretch: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        """Draw bars along world points; the radius changes from the first to the second."""
        thick = np.linspace(*radii, len(line)).tolist()
        for (start, end), ends in zip(pairwise(line), pairwise(thick), strict=True):
            margin = (max(ends) + 2) * np.array(stretch)
            corners = np.minimum(start, end) - margin, np.maximum(start, end) + margin
            shape = partial(bar, start=start, end=end, radii=ends, stretch=stretch)
            self.add(WORLD, corners, shape, label)

    def add_plate(
        self,
        hub: NDArray[np.float64],
        rim: NDArray[np.float64],
        count: int,
        radii: tuple[float, float],
        label: int,
    ) -> None:
        """Draw a plate of bone: `count` bars from a hub to a rim, (n, 3), which is thicker."""
        marks, knots = np.linspace(0, len(rim) - 1, count), np.arange(len(rim))
        ends = np.stack([np.interp(marks, knots, rim[:, axis]) for axis in range(3)], axis=1)
        for end in ends:
            self.add_line((hub, end), radii, label)
        self.add_line(tuple(ends), (radii[1] * 1.5,) * 2, label)


def draw_bones(lattice: Lattice, person: Person, column: SpinalColumn) -> Bones:
    """Draw every bone that reaches into the lattice."""
    bones = Bones(
        lattice,
        np.full(lattice.shape, 1e3, dtype=np.float32),
        np.zeros(lattice.shape, dtype=np.uint8),
        np.zeros(lattice.shape, dtype=bool),
    )
    for vertebra in column.vertebrae:
        _draw_vertebra(bones, person, vertebra)
    for rib in ribs(person, column):
        bones.add_line(rib.bone, (rib.radius_mm, 5.0), LABELS["rib"], (0.8, 0.8, 1.3))
    front = sternum(person, column)
    bones.add_line(front, (5.5, 4.0), LABELS["sternum"], (3.6, 1.0, 1.0))
    corners = np.array((-70.0, -95.0, -130.0)), np.array((70.0, 45.0, 12.0))
    _add_scaled(bones, column.sacrum, corners, sacrum_distance, person.size, LABELS["sacrum"])
    _draw_pelvis(bones, person, column)
    _draw_shoulders(bones, person, column)
    upright = Frame(column.vertebrae[0].frame.centre, np.eye(3))
    corners = np.array((-95.0, -100.0, -60.0)), np.array((95.0, 125.0, 190.0))
    _add_scaled(bones, upright, corners, skull_distance, person.size, LABELS["skull"])
    return bones


def _draw_vertebra(bones: Bones, person: Person, vertebra: Vertebra) -> None:
    loss = person.fracture_loss if vertebra.label == person.fracture else 0.0

    def shape(points: Points) -> Field:
        return vertebra_distance(vertebra, points, loss)

    low, high = VERTEBRA_BOX
    bones.add(vertebra.frame, VERTEBRA_BOX, shape, vertebra.label)
    back = high[0], -vertebra.measures.depth / 2 - 2, high[2]
    box = bones.lattice.around(vertebra.frame, low, back)
    if box is not None:
        behind = bones.lattice.points(box, vertebra.frame)[1] < back[1]
        bones.arch[box] |= behind & (bones.label[box] == vertebra.label)


def _add_scaled(
    bones: Bones,
    frame: Frame,
    corners: tuple[NDArray[np.float64], NDArray[np.float64]],
    shape: Callable[[Points, float], Field],
    size: float,
    label: int,
) -> None:
    low, high = corners
    bones.add(frame, (low * size, high * size), lambda points: shape(points, size), label)


def _draw_pelvis(bones: Bones, person: Person, column: SpinalColumn) -> None:
    tilt = rotation(1, 2, np.deg2rad(person.sacral_slope_deg - 39))
    for side in (1, -1):
        mirror = np.array([side, 1, 1]) * person.size
        hub, crest, *bars = (
            column.sacrum.centre + (points * mirror) @ tilt.T
            for points in (_ILIUM_HUB, _ILIAC_CREST, *(points for points, _ in _PELVIC_BARS))
        )
        bones.add_plate(hub, crest, 72, (9.0, 3.6), LABELS["pelvis"])
        for line, (_, radii) in zip(bars, _PELVIC_BARS, strict=True):
            bones.add_line(tuple(line), radii, LABELS["pelvis"])


def _draw_shoulders(bones: Bones, person: Person, column: SpinalColumn) -> None:
    top = column.vertebrae[8].frame.centre
    notch = sternum(person, column)[0]
    for side in (1, -1):
        mirror = np.array([side, 1, 1]) * person.size
        border = top + _SCAPULA_BORDER * mirror
        bones.add_plate(top + _GLENOID * mirror, border, 54, (6.0, 2.2), LABELS["shoulder"])
        clavicle = (
            notch + np.array([20, -2, 6]) * mirror,
            notch + np.array([70, -12, 14]) * mirror,
            top + np.array([150, 10, 30]) * mirror,
        )
        bones.add_line(clavicle, (7.0, 6.0), LABELS["shoulder"])
