"""Measures of the 24 presacral vertebrae of an average adult, by level.

Rounded and smoothed along the column after the quantitative anatomy of
Panjabi et al. (Spine 1991;16:861 and 16:888, Spine 1992;17:299): end plate
width and depth, posterior body height, canal, pedicle, transverse span, and
length of the spinous process from the posterior wall of the body. Disc heights
and inclinations are common textbook values. All lengths in mm.
"""

from dataclasses import dataclass
from typing import Literal

Style = Literal["atlas", "axis", "cervical", "thoracic", "lumbar"]

LEVELS = (
    *(f"C{n}" for n in range(1, 8)),
    *(f"T{n}" for n in range(1, 13)),
    *(f"L{n}" for n in range(1, 6)),
)
"""Names of the vertebrae from head to foot; label = index + 1."""


@dataclass(frozen=True)
class Measures:
    """Measures of one vertebra in mm.

    Attributes
    ----------
    width, depth, height
        Left-right and anteroposterior extent of the end plates, height of the posterior wall.
    disc
        Height of the disc below.
    canal_width, canal_depth, pedicle_width, pedicle_height
        Spinal canal, and the narrowest section of a pedicle.
    span
        From tip to tip of the transverse processes.
    spinous
        From the posterior wall of the body to the tip of the spinous process.
    drop_deg
        Inclination of the spinous process below the horizontal, degrees.
    """

    width: float
    depth: float
    height: float
    disc: float
    canal_width: float
    canal_depth: float
    pedicle_width: float
    pedicle_height: float
    span: float
    spinous: float
    drop_deg: float

    def scaled(self, factor: float) -> "Measures":
        """Return the measures with all lengths times `factor`."""
        lengths = {name: value * factor for name, value in vars(self).items()}
        return Measures(**{**lengths, "drop_deg": self.drop_deg})


_TABLE = """
C1  15.0 15.0 10.0  2.0 28.0 24.0  7.0  7.0 76.0 40.0  5
C2  17.0 15.5 20.0  4.5 24.5 20.0  8.0  9.5 54.0 37.0 20
C3  16.5 15.3 12.0  5.0 23.0 16.2  5.6  7.4 50.5 34.0 20
C4  17.1 15.6 11.8  5.0 24.0 17.0  5.4  7.4 49.5 34.0 20
C5  18.4 16.5 11.7  5.3 24.8 17.4  5.6  7.2 49.0 35.0 20
C6  20.2 17.2 11.6  5.5 25.4 17.4  6.0  7.3 51.5 42.0 20
C7  22.6 17.5 13.0  5.0 24.2 15.8  6.6  7.6 66.0 53.0 25
T1  25.0 18.8 14.3  4.4 21.8 16.2  8.4  9.8 75.0 52.0 32
T2  25.4 20.4 15.4  4.0 19.4 15.6  7.6 11.4 69.0 52.0 40
T3  25.0 22.0 15.8  3.8 18.4 15.7  6.8 11.8 63.0 52.0 46
T4  25.0 23.0 16.2  3.8 17.4 15.9  6.2 11.9 61.0 52.0 52
T5  25.6 24.4 16.6  4.0 17.3 16.1  6.0 11.7 61.0 53.0 56
T6  26.8 26.0 17.3  4.2 17.3 16.4  6.0 11.8 60.5 53.0 58
T7  28.2 27.2 18.1  4.5 17.5 16.0  6.0 12.0 60.0 53.0 58
T8  29.8 28.0 18.8  4.9 17.7 15.7  6.6 12.6 59.5 52.0 54
T9  31.2 29.2 19.5  5.3 17.9 15.7  7.6 13.9 58.5 51.0 46
T10 33.0 30.4 20.4  5.8 18.2 15.6  8.8 15.0 57.0 50.0 36
T11 36.0 31.8 21.6  6.4 19.4 16.2  9.4 16.8 51.0 49.0 24
T12 39.2 32.8 22.8  7.2 22.2 17.8  8.8 16.6 47.0 50.0 14
L1  41.4 34.0 23.8  8.2 23.6 18.8  8.6 15.8 70.0 58.0  8
L2  42.8 34.6 24.2  9.2 23.8 18.2  8.8 15.2 76.0 61.0  8
L3  44.6 35.2 24.0 10.2 24.3 17.6 10.4 14.6 85.0 62.0  8
L4  47.0 35.4 23.8 11.0 25.4 18.4 13.8 15.2 80.0 59.0  9
L5  49.0 34.8 22.8 10.4 27.0 19.4 17.6 18.6 90.0 51.0 12
"""


_MEASURES = {
    level: Measures(*map(float, values))
    for level, *values in (line.split() for line in _TABLE.strip().splitlines())
}


def measures(level: str) -> Measures:
    """Return the measures of an average adult's vertebra, such as "T7"."""
    return _MEASURES[level]


def style(level: str) -> Style:
    """Return which of five shapes of arch and processes a vertebra has."""
    special: dict[str, Style] = {"C1": "atlas", "C2": "axis"}
    region: dict[str, Style] = {"C": "cervical", "T": "thoracic", "L": "lumbar"}
    return special.get(level, region[level[0]])
