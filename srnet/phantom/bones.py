"""Vertebrae, sacrum and skull as solids, each a signed distance in a local frame.

All are symmetric about the median plane, so that one side, built from |right|, stands for both.
A vertebra has a body, an arch and processes, shaped as in its region of the spine.
"""

from itertools import pairwise

import numpy as np

from srnet.phantom.morphometry import Measures, style
from srnet.phantom.person import Vertebra
from srnet.phantom.shapes import Field, Points, bar, blend, ellipsoid, pillar, tube

VERTEBRA_BOX = (-60.0, -110.0, -48.0), (60.0, 40.0, 42.0)
"""Corners of a box that encloses any vertebra in its own frame, mm."""


def vertebra_distance(vertebra: Vertebra, points: Points, loss: float = 0.0) -> Field:
    """Return the signed distance to a vertebra at local `points`.

    Parameters
    ----------
    vertebra
        Its measures and level.
    points
        Coordinates in the vertebra's frame, whose origin is the body's centre.
    loss
        Share of the anterior height lost in a compression fracture.
    """
    folded = (np.abs(points[0]), points[1], points[2])
    return _SHAPES[style(vertebra.level)](folded, vertebra.measures, loss)


def body_heights(points: Points, size: Measures, loss: float = 0.0) -> tuple[Field, Field]:
    """Return the heights of the lower and upper end plate, both slightly concave."""
    half = np.float32(size.height / 2)
    reach = (points[0] * 2 / size.width) ** 2 + (points[1] * 2 / size.depth) ** 2
    hollow = np.float32(0.07 * size.height) * (1 - np.minimum(reach, 1))
    front = np.clip(points[1] / size.depth + 0.5, 0, 1)
    upper = half - hollow - np.float32(loss * size.height) * front
    return -half + hollow, np.asarray(upper, dtype=np.float32)


def _body(points: Points, size: Measures, loss: float) -> Field:
    """Return the distance to a body: narrower at half height, concave towards the canal."""
    lower, upper = body_heights(points, size, loss)
    middle = np.clip(1 - (points[2] * 2 / size.height) ** 2, 0, 1)
    waist = 1 - 0.11 * middle
    slim = (points[0] / waist, points[1] / waist, points[2])
    column = pillar(slim, (size.width / 2, size.depth / 2 * 1.06), lower, upper)
    hollow = tube(points, (0.0, -size.depth / 2 - size.canal_depth / 2 - 1.5), _canal(size, 1.15))
    return np.maximum(column, -hollow)


def _canal(size: Measures, factor: float = 1.0) -> tuple[float, float]:
    return size.canal_width / 2 * factor, size.canal_depth / 2 * factor


def _without_canal(points: Points, size: Measures, bone: Field) -> Field:
    canal = tube(points, (0.0, -size.depth / 2 - size.canal_depth / 2), _canal(size))
    return np.maximum(bone, -canal)


def _pedicles(points: Points, size: Measures, height: float) -> Field:
    side = size.canal_width / 2 + size.pedicle_width / 2
    radius = size.pedicle_width / 2
    stretch = (1.0, 1.0, size.pedicle_height / size.pedicle_width)
    start = side * 0.92, -size.depth * 0.3, height
    end = side, -size.depth / 2 - size.canal_depth * 0.6, height
    return bar(points, start, end, (radius * 1.1, radius), stretch)


def _laminae(points: Points, size: Measures, tall: float) -> Field:
    side = size.canal_width / 2 + size.pedicle_width * 0.3
    back = -size.depth / 2 - size.canal_depth
    stretch = (1.0, 1.0, tall * size.height / 6)
    start = side, back + size.canal_depth * 0.35, -size.height * 0.1
    return bar(points, start, (0.0, back - 2.5, -size.height * 0.3), (3.2, 3.0), stretch)


def _spinous(points: Points, size: Measures, thick: float, tall: float) -> Field:
    root = -size.depth / 2 - size.canal_depth - 1
    reach = size.spinous - size.canal_depth - 1
    drop = np.deg2rad(size.drop_deg)
    start = 0.0, root, -size.height * 0.3
    end = 0.0, root - reach * np.cos(drop), start[2] - reach * np.sin(drop)
    return bar(points, start, end, (thick, thick * 1.15), (1.0, 1.0, tall))


def _facets(points: Points, size: Measures, gap: tuple[float, float, float]) -> Field:
    """Return articular processes; `gap` = (sideways upper, sideways lower, depth between)."""
    upper_side, lower_side, depth = gap
    back = -size.depth / 2 - size.canal_depth * 0.75
    joint = size.height / 2 + size.disc / 2
    radius = 2.4 + size.height / 11
    root = upper_side, back, 0.0
    upper = bar(points, root, (upper_side, back + depth / 2, joint * 0.98), (radius, radius * 0.8))
    lower = bar(
        points,
        (lower_side, back - depth / 2, -size.height * 0.1),
        (lower_side, back - depth / 2 - 2, -joint * 1.02),
        (radius, radius * 0.75),
    )
    return blend(upper, lower)


def _cervical(points: Points, size: Measures, loss: float) -> Field:
    side = size.canal_width / 2 + size.pedicle_width / 2
    back = -size.depth / 2
    # Uncinate processes: raised lateral rims of the upper end plate.
    uncus = bar(
        points,
        (size.width / 2 - 2, 3.0, size.height / 2 - 1),
        (size.width / 2 - 2, back + 3, size.height / 2 + 1),
        (2.2, 2.2),
    )
    front = bar(
        points, (size.width / 2 - 1, 0.0, -1.0), (size.span / 2 - 3, -2.0, -2.5), (2.6, 2.8)
    )
    rear = bar(points, (side, back - 2, 0.0), (size.span / 2 - 3, -4.0, -3.0), (2.8, 3.2))
    tip = bar(
        points, (1.5, back - size.spinous + 8, -8.0), (4.5, back - size.spinous, -10.0), (3, 2.6)
    )
    arch = blend(_pedicles(points, size, 0.0), _laminae(points, size, 0.75))
    pillars = _facets(points, size, (side + 2.5, side + 2.0, 5.0))
    bone = blend(blend(_body(points, size, loss), uncus), blend(front, rear))
    spine = (
        blend(_spinous(points, size, 3.2, 1.25), tip)
        if size.spinous < 45
        else _spinous(points, size, 3.4, 1.5)
    )
    bone = _without_canal(points, size, blend(blend(bone, arch), blend(pillars, spine)))
    foramen = tube(points, (size.width / 2 + 4.5, -3.0), (2.7, 2.4))
    return np.maximum(bone, -foramen)


def _thoracic(points: Points, size: Measures, loss: float) -> Field:
    side = size.canal_width / 2 + size.pedicle_width / 2
    root = side, -size.depth / 2 - size.canal_depth * 0.75, size.height * 0.15
    tip = size.span / 2 - 4.5, root[1] - (size.span / 2 - side) * 0.62, size.height * 0.32
    wing = bar(points, root, tip, (4.6, 4.9), (1.0, 1.0, 1.15))
    arch = blend(_pedicles(points, size, size.height * 0.22), _laminae(points, size, 0.95))
    facets = _facets(points, size, (size.canal_width / 2 + 3.0, size.canal_width / 2 + 0.5, 5.5))
    bone = blend(_body(points, size, loss), arch)
    bone = blend(bone, blend(wing, blend(facets, _spinous(points, size, 2.9, 1.7))))
    return _without_canal(points, size, bone)


def _lumbar(points: Points, size: Measures, loss: float) -> Field:
    side = size.canal_width / 2 + size.pedicle_width / 2
    root = side, -size.depth / 2 - size.canal_depth * 0.35, size.height * 0.12
    tip = size.span / 2 - 3, root[1] - 7, size.height * 0.2
    wing = bar(points, root, tip, (4.0, 2.9), (1.0, 0.8, 1.9))
    arch = blend(_pedicles(points, size, size.height * 0.2), _laminae(points, size, 0.85))
    facets = _facets(points, size, (size.canal_width / 2 + 6.5, size.canal_width / 2 + 1.5, 4.0))
    bone = blend(_body(points, size, loss), arch)
    bone = blend(bone, blend(wing, blend(facets, _spinous(points, size, 3.3, 2.7))))
    return _without_canal(points, size, bone)


def _atlas(points: Points, size: Measures, loss: float) -> Field:  # noqa: ARG001 - one interface
    side = size.canal_width / 2 + 4
    mass = bar(points, (side, -6.0, -5.0), (side + 1, -5.0, 6.0), (7.5, 8.0))
    front = bar(points, (side, -2.0, 0.0), (0.0, 9.0, 0.0), (4.5, 4.5), (1.0, 0.8, 1.2))
    back = -size.depth / 2 - size.canal_depth
    rear = blend(
        bar(points, (side, -10.0, 0.0), (side - 2, back + 8, 0.0), (4.0, 3.6)),
        bar(points, (side - 2, back + 8, 0.0), (0.0, back - 3, 0.0), (3.6, 4.0)),
    )
    wing = bar(points, (side + 3, -6.0, 0.0), (size.span / 2 - 4, -9.0, -1.0), (4.5, 4.0))
    return blend(blend(mass, front), blend(rear, wing))


def _axis(points: Points, size: Measures, loss: float) -> Field:
    dens = bar(points, (0.0, 0.5, size.height * 0.3), (0.0, 0.0, size.height / 2 + 16), (5.6, 5.0))
    shoulder = bar(points, (12.0, -4.0, 2.0), (15.5, -5.0, size.height / 2 - 2), (5.5, 6.5))
    return blend(blend(_cervical(points, size, loss), dens), shoulder)


_SHAPES = {
    "atlas": _atlas,
    "axis": _axis,
    "cervical": _cervical,
    "thoracic": _thoracic,
    "lumbar": _lumbar,
}

# Bodies S1 to S5 and the coccyx in the frame of the S1 end plate:
# anterior and superior position of the middle, radius, mm.
_SACRAL_LINE = (
    (0.0, -4.0, 16.0),
    (-2.0, -26.0, 14.5),
    (-2.0, -48.0, 12.0),
    (3.0, -67.0, 9.5),
    (12.0, -82.0, 7.5),
    (24.0, -93.0, 5.0),
    (38.0, -98.0, 3.5),
)


def sacrum_distance(points: Points, size: float) -> Field:
    """Return the distance to sacrum and coccyx; the origin is the middle of the S1 end plate."""
    local = (np.abs(points[0]) / size, points[1] / size, points[2] / size)
    # The upper end plate is flat.
    bodies = np.maximum(_sacral_bodies(local), local[2])
    wings = blend(
        bar(local, (16.0, -4.0, -14.0), (46.0, -22.0, -18.0), (12.0, 12.0), (1.0, 0.9, 1.1)),
        bar(local, (44.0, -24.0, -22.0), (20.0, -14.0, -78.0), (12.0, 5.0), (1.0, 0.9, 1.2)),
        6.0,
    )
    between = bar(local, (26.0, -16.0, -24.0), (10.0, -8.0, -80.0), (12.0, 6.0), (1.3, 0.8, 1.0))
    wings = blend(wings, between, 6.0)
    bone = blend(blend(bodies, wings, 4.0), _sacral_arch(local))
    canal = bar(local, (0.0, -27.0, 6.0), (0.0, -18.0, -62.0), (7.5, 3.5), (1.7, 1.0, 1.0))
    return np.asarray(
        np.maximum(np.maximum(bone, -canal), -_sacral_holes(local)) * np.float32(size)
    )


def _sacral_bodies(local: Points) -> Field:
    bone = np.full_like(local[0], 1e3)
    for (y0, z0, r0), (y1, z1, r1) in pairwise(_SACRAL_LINE):
        wide = (1.5 if r0 > 6 else 1.1, 1.0, 1.0)
        bone = blend(bone, bar(local, (0.0, y0, z0), (0.0, y1, z1), (r0, r1), wide))
    return bone


def _sacral_arch(local: Points) -> Field:
    """Return laminae, median crest and the upper articular processes."""
    crest = bar(local, (0.0, -44.0, -8.0), (0.0, -26.0, -74.0), (4.0, 2.5), (1.0, 1.6, 1.0))
    roof = bar(local, (17.0, -30.0, -10.0), (10.0, -22.0, -70.0), (5.5, 3.5))
    sheet = bar(local, (8.0, -37.0, -10.0), (4.0, -25.0, -72.0), (4.5, 3.0), (1.4, 1.0, 1.0))
    facet = bar(local, (22.0, -26.0, -8.0), (21.0, -28.0, 7.0), (6.0, 5.0))
    return blend(blend(crest, sheet), blend(roof, facet))


def _sacral_holes(local: Points) -> Field:
    """Return the four pairs of holes through the sacrum."""
    holes = np.full_like(local[0], 1e3)
    for side, height, radius in ((20, -25, 5.5), (18, -44, 4.8), (15, -61, 4), (12, -75, 3)):
        through = bar(local, (side, -50.0, height - 2.0), (side, 30.0, height), (radius, radius))
        holes = np.minimum(holes, through)
    return holes


def skull_distance(points: Points, size: float) -> Field:
    """Return the distance to skull and jaw; the origin is the middle of the atlas."""
    local = (np.abs(points[0]) / size, points[1] / size, points[2] / size)
    vault = np.abs(ellipsoid(local, (0.0, 14.0, 92.0), (72.0, 92.0, 72.0))) - np.float32(3.2)
    opening = tube(local, (0.0, -8.0), (16.0, 19.0))
    vault = np.maximum(vault, -np.maximum(opening, local[2] - 60))
    bone = blend(vault, blend(_skull_base(local), _face(local)), 3.0)
    return np.asarray(bone * np.float32(size))


def _skull_base(local: Points) -> Field:
    condyle = bar(local, (17.0, -4.0, 11.0), (19.0, -8.0, 22.0), (6.0, 9.0))
    petrous = bar(local, (20.0, 22.0, 34.0), (62.0, 2.0, 32.0), (8.0, 11.0))
    mastoid = bar(local, (58.0, -2.0, 26.0), (55.0, 4.0, 4.0), (11.0, 6.0))
    clivus = bar(local, (0.0, 10.0, 22.0), (0.0, 38.0, 46.0), (5.0, 7.0), (1.8, 1.0, 1.0))
    return blend(blend(condyle, petrous), blend(mastoid, clivus))


def _face(local: Points) -> Field:
    ramus = bar(local, (50.0, 34.0, 24.0), (45.0, 32.0, -24.0), (4.5, 6.0), (0.8, 1.8, 1.0))
    jaw = bar(local, (44.0, 34.0, -26.0), (24.0, 82.0, -40.0), (5.0, 5.0), (1.0, 1.0, 2.0))
    chin = bar(local, (24.0, 82.0, -40.0), (0.0, 94.0, -44.0), (5.0, 6.0), (1.0, 1.0, 2.2))
    maxilla = bar(local, (26.0, 56.0, -2.0), (0.0, 92.0, -4.0), (5.0, 6.0), (1.0, 1.0, 1.7))
    palate = bar(local, (0.0, 50.0, 4.0), (0.0, 84.0, 3.0), (2.0, 2.0), (9.0, 1.0, 1.0))
    cheek = bar(local, (34.0, 84.0, 22.0), (62.0, 40.0, 28.0), (6.0, 3.0))
    nose = bar(local, (0.0, 92.0, 8.0), (0.0, 100.0, 44.0), (2.5, 3.0))
    orbit = bar(local, (34.0, 84.0, 22.0), (32.0, 92.0, 62.0), (4.0, 4.0))
    jaws = blend(blend(ramus, jaw), chin)
    return blend(blend(jaws, blend(maxilla, palate)), blend(blend(cheek, nose), orbit))
