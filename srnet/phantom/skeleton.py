"""All bones of a person, drawn into one distance field with a label per bone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from srnet.phantom.person import Person
from srnet.phantom.plates import sacrum, skull
from srnet.phantom.posture import SpinalColumn, Vertebra
from srnet.phantom.shapes import Field, Frame, Lattice, Points, Triple, bar
from srnet.phantom.thorax import Path, ribs, sternum
from srnet.phantom.vertebra import REACH, solid

LABELS = {"sacrum": 26, "rib": 30, "sternum": 31, "shoulder": 32, "pelvis": 33, "skull": 34}
"""Labels beside the vertebrae's 1 (C1) to 24 (L5), which follow the VerSe data sets."""

_FAR = 1e3


@dataclass(frozen=True)
class Bones:
    """The skeleton on a lattice.

    Attributes
    ----------
    distance
        float32 signed distance to the nearest bone in mm, 1000 far from any.
    label
        uint8 label of that bone, valid where `distance` is below a few mm.
    arch
        bool, true behind the bodies of vertebrae, where compact bone is thick.
    """

    distance: Field
    label: NDArray[np.uint8]
    arch: NDArray[np.bool_]

    def add(
        self,
        lattice: Lattice,
        frame: Frame,
        corners: tuple[Triple, Triple],
        shape: Callable[[Points], Field],
        label: int,
    ) -> None:
        """Draw one solid, given in the coordinates of `frame` within `corners`."""
        box = lattice.around(frame, *corners)
        if box is None:
            return
        found = shape(lattice.points(box, frame))
        nearer = found < self.distance[box]
        self.distance[box][nearer] = found[nearer]
        self.label[box][nearer] = label


def draw_bones(lattice: Lattice, person: Person, column: SpinalColumn) -> Bones:
    """Draw every bone that reaches into the lattice."""
    bones = Bones(
        np.full(lattice.shape, _FAR, dtype=np.float32),
        np.zeros(lattice.shape, dtype=np.uint8),
        np.zeros(lattice.shape, dtype=bool),
    )
    for vertebra in column.vertebrae:
        _draw_vertebra(bones, lattice, person, vertebra)
    _draw_ribs(bones, lattice, person, column)
    _draw_sacrum(bones, lattice, person, column)
    _draw_pelvis(bones, lattice, person, column)
    _draw_shoulders(bones, lattice, person, column)
    _draw_skull(bones, lattice, person, column)
    return bones


def _draw_vertebra(bones: Bones, lattice: Lattice, person: Person, vertebra: Vertebra) -> None:
    loss = person.fracture_loss if vertebra.label == person.fracture else 0.0

    def shape(points: Points) -> Field:
        return solid(vertebra, points, loss)

    bones.add(lattice, vertebra.frame, REACH, shape, vertebra.label)
    back = REACH[1][0], -vertebra.measures.depth / 2 - 2, REACH[1][2]
    box = lattice.around(vertebra.frame, REACH[0], back)
    if box is not None:
        behind = lattice.points(box, vertebra.frame)[1] < back[1]
        bones.arch[box] |= behind & (bones.label[box] == vertebra.label)


def _draw_path(
    bones: Bones,
    lattice: Lattice,
    path: Path,
    radii: tuple[float, float],
    label: int,
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> None:
    """Draw bars along world points, the radius running from the first to the second."""
    thick = np.linspace(*radii, len(path))
    for step, (start, end) in enumerate(pairwise(path)):
        ends = float(thick[step]), float(thick[step + 1])
        margin = (max(ends) + 2) * np.array(stretch)
        corners = np.minimum(start, end) - margin, np.maximum(start, end) + margin
        shape = partial(bar, start=start, end=end, radii=ends, stretch=stretch)
        bones.add(lattice, _WORLD, corners, shape, label)


def _draw_ribs(bones: Bones, lattice: Lattice, person: Person, column: SpinalColumn) -> None:
    for rib in ribs(person, column):
        _draw_path(bones, lattice, rib.bone, (rib.radius_mm, 5.0), LABELS["rib"], (0.8, 0.8, 1.3))
    front = sternum(person, column)
    _draw_path(bones, lattice, front, (5.5, 4.0), LABELS["sternum"], (3.6, 1.0, 1.0))


def _draw_sacrum(bones: Bones, lattice: Lattice, person: Person, column: SpinalColumn) -> None:
    corners = np.array((-70.0, -95.0, -130.0)), np.array((70.0, 45.0, 12.0))
    size = person.size
    bones.add(
        lattice,
        column.sacrum,
        (corners[0] * size, corners[1] * size),
        partial(sacrum, size=size),
        LABELS["sacrum"],
    )


def _fan(hub: NDArray[np.float64], rim: NDArray[np.float64], count: int) -> list[Path]:
    """Return spokes from a hub to evenly spaced points along a rim, (n, 3)."""
    marks = np.linspace(0, len(rim) - 1, count)
    knots = np.arange(len(rim))
    ends = np.stack([np.interp(marks, knots, rim[:, axis]) for axis in range(3)], axis=1)
    return [(hub, end) for end in ends]


def _draw_plate(
    bones: Bones, lattice: Lattice, spokes: list[Path], radii: tuple[float, float], label: int
) -> None:
    """Draw a plate of bone as a fan of bars with a thicker rim."""
    for spoke in spokes:
        _draw_path(bones, lattice, spoke, radii, label)
    _draw_path(bones, lattice, tuple(s[1] for s in spokes), (radii[1] * 1.5,) * 2, label)


def _draw_pelvis(bones: Bones, lattice: Lattice, person: Person, column: SpinalColumn) -> None:
    turn = np.deg2rad(person.sacral_slope_deg - 39)
    tilt = np.array([[1, 0, 0], [0, np.cos(turn), np.sin(turn)], [0, -np.sin(turn), np.cos(turn)]])
    for side in (1, -1):
        mirror = np.array([side, 1, 1]) * person.size

        def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
            placed: NDArray[np.float64] = column.sacrum.centre + (points * mirror) @ tilt.T  # noqa: B023
            return placed

        _draw_plate(
            bones,
            lattice,
            _fan(place(_ILIUM_HUB), place(_ILIAC_CREST), 72),
            (9.0, 3.6),
            LABELS["pelvis"],
        )
        for path, radii in _PELVIC_BARS:
            _draw_path(bones, lattice, tuple(place(path)), radii, LABELS["pelvis"])


def _draw_shoulders(bones: Bones, lattice: Lattice, person: Person, column: SpinalColumn) -> None:
    top = column.vertebrae[8].frame.centre
    notch = sternum(person, column)[0]
    for side in (1, -1):
        mirror = np.array([side, 1, 1]) * person.size
        border = top + _SCAPULA_BORDER * mirror
        spokes = _fan(top + _GLENOID * mirror, border, 54)
        _draw_plate(bones, lattice, spokes, (6.0, 2.2), LABELS["shoulder"])
        clavicle = (
            notch + np.array([20, -2, 6]) * mirror,
            notch + np.array([70, -12, 14]) * mirror,
            top + np.array([150, 10, 30]) * mirror,
        )
        _draw_path(bones, lattice, clavicle, (7.0, 6.0), LABELS["shoulder"])


def _draw_skull(bones: Bones, lattice: Lattice, person: Person, column: SpinalColumn) -> None:
    atlas = column.vertebrae[0].frame
    upright = Frame(atlas.centre, np.eye(3))
    corners = np.array((-95.0, -100.0, -60.0)), np.array((95.0, 125.0, 190.0))
    bones.add(
        lattice,
        upright,
        (corners[0] * person.size, corners[1] * person.size),
        partial(skull, size=person.size),
        LABELS["skull"],
    )


_WORLD = Frame(np.zeros(3), np.eye(3))
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
