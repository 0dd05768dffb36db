"""The marked region of a film, in pixels as an image viewer shows them."""

from dataclasses import dataclass

from srnet.clinical.film import Film
from srnet.clinical.findings import printed
from srnet.clinical.pixels import Grey
from srnet.errors import SrnetError

__all__ = ["Box", "crop", "place_box"]

SMALLEST = 16
"""Pixels along the shorter edge below which no spine can be seen."""


@dataclass(frozen=True)
class Box:
    """Columns x0 to x1 and rows y0 to y1, the ends not included.

    `given` is False where the whole film is taken for want of a box.
    """

    x0: int
    y0: int
    x1: int
    y1: int
    given: bool = True

    @property
    def width(self) -> int:
        """Return the number of columns."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Return the number of rows."""
        return self.y1 - self.y0


def place_box(film: Film, corners: tuple[int, int, int, int] | None) -> Box:
    """Return the box with these corners, or the whole film.

    Parameters
    ----------
    film
        The film on which the box was marked.
    corners
        x0, y0, x1, y1 in pixels, or None for the whole film.

    Raises
    ------
    SrnetError
        If the box leaves the film, is turned around, or holds hardly anything.
    """
    rows, columns = film.shape
    if corners is None:
        return Box(0, 0, columns, rows, given=False)
    box = Box(*corners)
    name = f"box {' '.join(map(str, corners))} of the {printed(film.view)} film"
    if min(box.x0, box.y0) < 0 or box.x1 > columns or box.y1 > rows:
        raise SrnetError(f"{name} leaves the film of {columns} x {rows} pixels; mark it again")
    if min(box.width, box.height) < SMALLEST:
        raise SrnetError(
            f"{name} is {box.width} x {box.height} pixels; give x0 y0 x1 y1 with x0 < x1, "
            f"y0 < y1 and at least {SMALLEST} pixels along each edge"
        )
    return box


def crop(film: Film, box: Box) -> Grey:
    """Return the boxed pixels, turned into the convention of `srnet.xray`."""
    grey = film.grey[box.y0 : box.y1, box.x0 : box.x1]
    rows, columns = film.flip
    return grey[:: -1 if rows else 1, :: -1 if columns else 1]
