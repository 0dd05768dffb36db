"""All tissue around the bones: outline, fat, muscle, lungs, organs, discs and spinal cord.

Later parts are painted over earlier ones, weighted by the share of each voxel that they fill, so
that borders show partial volume.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from srnet.phantom.bones import body_heights
from srnet.phantom.person import Person, SpinalColumn, Vertebra
from srnet.phantom.shapes import (
    WORLD,
    Field,
    Frame,
    Lattice,
    Points,
    Triple,
    bar,
    ellipsoid,
    pillar,
)
from srnet.phantom.skeleton import rib_cage, ribs

AIR, FAT, MUSCLE, LUNG = -1000.0, -100.0, 55.0, -850.0
_EVERYWHERE = (slice(None),) * 3

Organ = tuple[float, str, tuple[float, float], tuple[float, float, float]]
"""HU, level, right and anterior of the column, half axes: mm in an average adult."""

# Level or height above one: half width, half depth, and column to skin at the back, mm.
_OUTLINE: tuple[tuple[str, float, float, float, float], ...] = (
    ("C1", 185, 8, 8, -6),
    ("C1", 165, 55, 65, 50),
    ("C1", 90, 80, 101, 86),
    ("C1", 20, 70, 96, 72),
    ("C3", 0, 60, 70, 60),
    ("C6", 0, 68, 66, 74),
    ("C7", 0, 84, 72, 83),
    ("T1", 0, 130, 78, 84),
    ("T3", 0, 178, 94, 86),
    ("T8", 0, 168, 111, 78),
    ("T12", 0, 156, 108, 81),
    ("L3", 0, 152, 105, 88),
    ("S1", 0, 176, 108, 94),
    ("S1", -180, 190, 104, 96),
)

_ORGANS: tuple[Organ, ...] = (
    (45, "T8", (-24, 74), (50, 42, 56)),
    (62, "T12", (62, 48), (78, 72, 68)),
    (50, "T12", (-96, -4), (26, 40, 48)),
    (35, "L2", (66, -2), (25, 23, 54)),
    (38, "L1", (-66, -2), (25, 23, 54)),
    (32, "T12", (-62, 66), (44, 32, 46)),
    (-880, "T12", (-64, 88), (22, 9, 26)),
)

Pipe = Mapping[str, tuple[float, float, float]]
"""By level: right and anterior of the column, and radius, mm in an average adult."""

_AIRWAYS: tuple[Pipe, ...] = (
    {"C1": (0, 24, 9), "C3": (0, 24, 9), "C5": (0, 27, 7), "C7": (0, 28, 8)},
    {"C7": (0, 28, 8), "T2": (1, 32, 8.5), "T5": (2, 36, 8.5)},
    {"T5": (2, 36, 7), "T6": (34, 32, 5.5)},
    {"T5": (2, 36, 7), "T6": (-34, 32, 5.5)},
)
_AORTA: Pipe = {
    **{"T4": (-14, 52, 13), "T5": (-24, 22, 12.5), "T8": (-22, 26, 12)},
    **{"T12": (-10, 32, 11), "L2": (-8, 32, 10), "L4": (-5, 32, 9)},
}
_CAVA: Pipe = {"T10": (22, 36, 11), "L1": (20, 32, 11), "L4": (17, 31, 10)}
_PSOAS: Pipe = {
    **{"L1": (28, -8, 6), "L2": (32, -5, 10), "L3": (37, 0, 14)},
    **{"L4": (43, 6, 17), "L5": (50, 14, 19), "S1": (60, 28, 18)},
}
_CAROTID: Pipe = {"C2": (32, 16, 4.5), "C6": (34, 22, 5)}


@dataclass(frozen=True)
class Canvas:
    """float32 HU on a lattice, painted in place with partial volume."""

    lattice: Lattice
    hu: Field

    def blend(
        self, box: tuple[slice, slice, slice], distance: Field, value: float | Field
    ) -> None:
        """Fill the solid of which `distance` is given in `box`."""
        share = np.clip(0.5 - distance / np.float32(self.lattice.step_mm), 0, 1)
        self.hu[box] += share * (value - self.hu[box])

    def solid(
        self,
        frame: Frame,
        corners: tuple[Triple, Triple],
        shape: Callable[[Points], Field],
        value: float,
    ) -> None:
        """Fill a solid given in the coordinates of `frame` within `corners`."""
        box = self.lattice.around(frame, *corners)
        if box is not None:
            self.blend(box, shape(self.lattice.points(box, frame)), value)

    def pipe(
        self, path: Sequence[NDArray[np.float64]], radii: Sequence[float], value: float
    ) -> None:
        """Fill a pipe along world points with a radius at each."""
        for (start, first), (end, last) in pairwise(zip(path, radii, strict=True)):
            margin = max(first, last) + self.lattice.step_mm
            corners = np.minimum(start, end) - margin, np.maximum(start, end) + margin
            shape = partial(bar, start=start, end=end, radii=(first, last))
            self.solid(WORLD, corners, shape, value)


def draw_tissue(
    lattice: Lattice, person: Person, column: SpinalColumn, rng: np.random.Generator
) -> Field:
    """Return the HU of a person without bones on the lattice, float32."""
    canvas = Canvas(lattice, np.full(lattice.shape, AIR, dtype=np.float32))
    _draw_table(canvas, person, column)
    depth_below_skin = _draw_outline(canvas, person, column)
    _draw_chest(canvas, person, column, rng)
    _draw_abdomen(canvas, person, column, depth_below_skin)
    _draw_organs(canvas, person, column, rng)
    _draw_pipes(canvas, person, column)
    _draw_column(canvas, person, column)
    for rib in ribs(person, column):
        if rib.cartilage:
            canvas.pipe(rib.cartilage, (5, 5, 5), 105)
    _add_texture(canvas.hu, lattice.step_mm, rng)
    return canvas.hu


def _outline(person: Person, column: SpinalColumn, heights: Field) -> tuple[Field, Field, Field]:
    """Return half width, half depth and centre y of the body at world heights."""
    rows = sorted(
        (column.height_of(level) + up * person.size, *(v * person.size for v in rest))
        for level, up, *rest in _OUTLINE
    )
    table = np.array(rows).T
    trunk = np.where(heights < column.height_of("C6"), person.girth, 1.0)
    wide, deep, back = (np.interp(heights, table[0], row) for row in table[1:])
    extra = deep * (trunk - 1)
    centre = column.centre_line(heights, 1) - back - extra * 0.4 + deep + extra
    return (
        np.asarray(wide * trunk, np.float32),
        np.asarray(deep + extra, np.float32),
        np.asarray(centre, np.float32),
    )


def _draw_table(canvas: Canvas, person: Person, column: SpinalColumn) -> None:
    """Draw the couch under the trunk: two carbon shells with foam between."""
    lattice = canvas.lattice
    trunk = np.linspace(column.height_of("S1"), column.height_of("T3"), 40, dtype=np.float32)
    _, deep, centre = _outline(person, column, trunk)
    top = float((centre - deep).min()) - 2
    sag = top + 28 * (lattice.ticks(0) / 230) ** 2
    below = np.broadcast_to((sag[:, None] - lattice.ticks(1))[:, :, None], lattice.shape)
    for middle, half, value in ((24.0, 23.0, -945.0), (1.5, 1.5, -60.0), (46.0, 1.5, -60.0)):
        canvas.blend(_EVERYWHERE, np.abs(below - np.float32(middle)) - np.float32(half), value)


def _ellipse(lattice: Lattice, centre: tuple[Field, Field], half: tuple[Field, Field]) -> Field:
    """Return the approximate distance to an ellipse given per height, mm, indexed (x, y, z)."""
    right = (lattice.ticks(0)[:, None] - centre[0]) / half[0]
    front = (lattice.ticks(1)[:, None] - centre[1]) / half[1]
    ratio = np.sqrt((right**2)[:, None, :] + (front**2)[None, :, :])
    return np.asarray((ratio - 1) * np.minimum(*half), dtype=np.float32)


def _draw_outline(canvas: Canvas, person: Person, column: SpinalColumn) -> Field:
    """Fill the body with fat and, under it, muscle; return the distance to the muscle."""
    heights = canvas.lattice.ticks(2)
    wide, deep, centre = _outline(person, column, heights)
    across = column.centre_line(heights, 0) * np.float32(0.3)
    skin = _ellipse(canvas.lattice, (across, centre), (wide, deep))
    canvas.blend(_EVERYWHERE, skin, FAT)
    layer = np.where(heights > column.height_of("C7"), 6.0, 13.0 + 40 * max(person.girth - 0.9, 0))
    muscle: Field = skin + layer.astype(np.float32)
    canvas.blend(_EVERYWHERE, muscle, MUSCLE)
    return muscle


def _draw_chest(
    canvas: Canvas, person: Person, column: SpinalColumn, rng: np.random.Generator
) -> None:
    lattice = canvas.lattice
    heights = lattice.ticks(2)
    x, y, wide, deep = rib_cage(person, column, heights)
    inside = _ellipse(lattice, (x, y), (wide - 9, deep - 9))
    right = np.abs(lattice.ticks(0)[:, None] - x)[:, None, :]
    ahead = lattice.ticks(1)[:, None] - column.centre_line(heights, 1)
    middle = np.interp(ahead, [-30, 0, 25, 60, 110], [38, 27, 24, 36, 30]) * person.size
    below = _diaphragm(person, column, right, ahead[None]) - heights
    above = heights - np.float32(column.height_of("T1") + 4)
    lung = np.maximum(np.maximum(inside, below), middle[None].astype(np.float32) - right)
    lung = np.maximum(lung, above)
    if (lung < 0).any():
        canvas.blend(_EVERYWHERE, lung, LUNG + _vessel_texture(lattice.shape, rng))


def _diaphragm(person: Person, column: SpinalColumn, right: Field, ahead: Field) -> Field:
    """Return the height of the diaphragm: two domes that fall off to the back."""
    dome = 34 - 40 * ((right / person.size - 68) / 70) ** 2
    behind = np.clip((55 - ahead) / 85, 0, 1) ** 2 * 85
    return np.asarray(column.height_of("T10") + (dome - behind) * person.size, np.float32)


def _vessel_texture(shape: tuple[int, int, int], rng: np.random.Generator) -> Field:
    """Return HU to add to the lung: coarse noise, and vessels in cross-section."""
    coarse = rng.standard_normal([n // 2 + 1 for n in shape], dtype=np.float32)
    for axis in range(3):
        coarse = np.repeat(coarse, 2, axis=axis)
    mottle = coarse[: shape[0], : shape[1], : shape[2]]
    return 30 * mottle + np.where(mottle > 2, np.float32(350), np.float32(0))


def _draw_abdomen(canvas: Canvas, person: Person, column: SpinalColumn, muscle: Field) -> None:
    """Fill the space between the abdominal wall and the column with visceral fat."""
    lattice = canvas.lattice
    heights = lattice.ticks(2)
    ahead = lattice.ticks(1)[:, None] - column.centre_line(heights, 1)
    right = np.abs(lattice.ticks(0)[:, None] - column.centre_line(heights, 0))[:, None, :]
    # Above T11 liver and spleen fill the domes; at the back the fat reaches beside the psoas.
    top = heights - np.minimum(
        _diaphragm(person, column, right, ahead[None]), np.float32(column.height_of("T11"))
    )
    back = np.float32(4) - 34 * np.clip((right - 38) / 45, 0, 1) - ahead[None]
    wall = np.maximum(muscle + np.float32(16 * person.size), back)
    bottom = np.float32(column.height_of("S1") - 120 * person.size) - heights
    canvas.blend(_EVERYWHERE, np.maximum(np.maximum(wall, top), bottom), FAT + 5)


def _draw_organs(
    canvas: Canvas, person: Person, column: SpinalColumn, rng: np.random.Generator
) -> None:
    for value, level, place, half in (*_ORGANS, *_bowel(rng)):
        frame = Frame(_beside(person, column, level, *place), np.eye(3))
        size = np.array(half) * person.size
        reach = size + canvas.lattice.step_mm
        shape = partial(ellipsoid, centre=(0.0, 0.0, 0.0), half=size.tolist())
        enhanced = person.contrast_hu * 0.4 if value > 0 else 0.0
        canvas.solid(frame, (-reach, reach), shape, value + enhanced)


def _bowel(rng: np.random.Generator) -> list[Organ]:
    """Draw loops of bowel in front of the lumbar column, some of them filled with gas."""
    loops = []
    for _ in range(16):
        level = str(rng.choice(["L2", "L3", "L4", "L5"]))
        place = float(rng.uniform(-95, 95)), float(rng.uniform(48, 105))
        half = tuple(float(h) for h in rng.uniform(10, 24, 3))
        loops.append((30.0, level, place, (half[0], half[1], half[2])))
        if rng.random() < 0.35:
            loops.append((-850.0, level, place, (half[0] * 0.6, half[1] * 0.6, half[2] * 0.6)))
    return loops


def _beside(
    person: Person, column: SpinalColumn, level: str, right: float, front: float
) -> NDArray[np.float64]:
    """Return the world point at a distance to the right and front of a vertebra's centre."""
    z = column.height_of(level)
    x, y = (float(column.centre_line(np.array([z]), axis)[0]) for axis in (0, 1))
    return np.array([x + right * person.size, y + front * person.size, z])


def _draw_pipes(canvas: Canvas, person: Person, column: SpinalColumn) -> None:
    """Draw the airways, the large vessels and the psoas muscles."""
    blood = 45 + person.contrast_hu
    pipes = [(AIR, pipe) for pipe in _AIRWAYS]
    pipes += [(blood, _AORTA), (45 + person.contrast_hu * 0.4, _CAVA)]
    for value, right_one in ((58.0, _PSOAS), (blood, _CAROTID)):
        left_one = {level: (-x, y, radius) for level, (x, y, radius) in right_one.items()}
        pipes += [(value, right_one), (value, left_one)]
    for value, pipe in pipes:
        path = [_beside(person, column, level, x, y) for level, (x, y, _) in pipe.items()]
        canvas.pipe(path, [radius for *_, radius in pipe.values()], value)


def _draw_column(canvas: Canvas, person: Person, column: SpinalColumn) -> None:
    """Draw the discs, the dural sac and the spinal cord."""
    for upper in column.vertebrae[1:]:
        loss = person.fracture_loss if upper.label + 1 == person.fracture else 0.0
        canvas.solid(
            upper.frame,
            ((-32, -26, -upper.measures.height / 2 - 16), (32, 26, -upper.measures.height / 4)),
            partial(_disc, upper=upper, loss=loss),
            88.0,
        )
    centres = [
        v.frame.at(0, -v.measures.depth / 2 - v.measures.canal_depth / 2, 0)
        for v in column.vertebrae
    ]
    canvas.pipe(centres, [v.measures.canal_depth / 2 - 0.5 for v in column.vertebrae], 14.0)
    canvas.pipe(centres[:20], [5.0] * 20, 40.0)
    canvas.pipe(
        [centres[-1], column.sacrum.at(0, -27, -4), column.sacrum.at(0, -20, -50)], (8, 7, 3), 8
    )


def _disc(points: Points, upper: Vertebra, loss: float) -> Field:
    """Return the distance to the disc below a vertebra; it fills what a fracture lost."""
    size = upper.measures
    top = body_heights(points, size)[0]
    front = np.clip(points[1] / size.depth + 0.5, 0, 1)
    below = np.float32(loss * size.height) * front
    bottom = -size.height / 2 - size.disc * np.float32(1.25) - below
    return pillar(points, (size.width * 0.48, size.depth * 0.49), bottom, top)


def _add_texture(hu: Field, step_mm: float, rng: np.random.Generator) -> None:
    """Vary soft tissue over about 8 mm, as fat within muscle and septa within fat do."""
    from scipy.ndimage import zoom

    coarse_shape = [max(round(n * step_mm / 8), 2) for n in hu.shape]
    coarse = rng.standard_normal(coarse_shape, dtype=np.float32)
    uneven = zoom(coarse, [n / c for n, c in zip(hu.shape, coarse_shape, strict=True)], order=1)
    soft = (hu > -150) & (hu < 110)
    hu[soft] += 20 * uneven[soft] - 45 * np.maximum(uneven[soft] - 0.8, 0) * (hu[soft] > 30)
