"""Sacrum and skull: solids of several fused parts, each in one local frame."""

from itertools import pairwise

import numpy as np

from srnet.phantom.shapes import Field, Points, bar, blend, ellipsoid, tube

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


def sacrum(points: Points, size: float) -> Field:
    """Return the distance to sacrum and coccyx; the origin is the middle of the S1 end plate."""
    local = (np.abs(points[0]) / size, points[1] / size, points[2] / size)
    bodies = _bodies(local)
    # The end plate is flat.
    bodies = np.maximum(bodies, local[2])
    wings = blend(
        bar(local, (16.0, -4.0, -14.0), (46.0, -22.0, -18.0), (12.0, 12.0), (1.0, 0.9, 1.1)),
        bar(local, (44.0, -24.0, -22.0), (20.0, -14.0, -78.0), (12.0, 5.0), (1.0, 0.9, 1.2)),
        6.0,
    )
    between = bar(local, (26.0, -16.0, -24.0), (10.0, -8.0, -80.0), (12.0, 6.0), (1.3, 0.8, 1.0))
    wings = blend(wings, between, 6.0)
    bone = blend(blend(bodies, wings, 4.0), _posterior(local))
    canal = bar(local, (0.0, -27.0, 6.0), (0.0, -18.0, -62.0), (7.5, 3.5), (1.7, 1.0, 1.0))
    return np.asarray(np.maximum(np.maximum(bone, -canal), -_foramina(local)) * np.float32(size))


def _bodies(local: Points) -> Field:
    bone = np.full_like(local[0], 1e3)
    for (y0, z0, r0), (y1, z1, r1) in pairwise(_SACRAL_LINE):
        wide = (1.5 if r0 > 6 else 1.1, 1.0, 1.0)
        bone = blend(bone, bar(local, (0.0, y0, z0), (0.0, y1, z1), (r0, r1), wide))
    return bone


def _posterior(local: Points) -> Field:
    """Return laminae, median crest and the upper articular processes."""
    crest = bar(local, (0.0, -44.0, -8.0), (0.0, -26.0, -74.0), (4.0, 2.5), (1.0, 1.6, 1.0))
    roof = bar(local, (17.0, -30.0, -10.0), (10.0, -22.0, -70.0), (5.5, 3.5))
    sheet = bar(local, (8.0, -37.0, -10.0), (4.0, -25.0, -72.0), (4.5, 3.0), (1.4, 1.0, 1.0))
    facet = bar(local, (22.0, -26.0, -8.0), (21.0, -28.0, 7.0), (6.0, 5.0))
    return blend(blend(crest, sheet), blend(roof, facet))


def _foramina(local: Points) -> Field:
    """Return the four pairs of holes through the sacrum."""
    holes = np.full_like(local[0], 1e3)
    for side, height, radius in ((20, -25, 5.5), (18, -44, 4.8), (15, -61, 4), (12, -75, 3)):
        through = bar(local, (side, -50.0, height - 2.0), (side, 30.0, height), (radius, radius))
        holes = np.minimum(holes, through)
    return holes


def skull(points: Points, size: float) -> Field:
    """Return the distance to skull and jaw; the origin is the middle of the atlas."""
    local = (np.abs(points[0]) / size, points[1] / size, points[2] / size)
    vault = np.abs(ellipsoid(local, (0.0, 14.0, 92.0), (72.0, 92.0, 72.0))) - np.float32(3.2)
    opening = tube(local, (0.0, -8.0), (16.0, 19.0))
    vault = np.maximum(vault, -np.maximum(opening, local[2] - 60))
    bone = blend(vault, blend(_base(local), _face(local)), 3.0)
    return np.asarray(bone * np.float32(size))


def _base(local: Points) -> Field:
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
