"""A page of pictures in rows and columns with printed heads, laid out in inches.

Every picture is as large as its cell allows and keeps its shape.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from srnet.figures.canvas import MUTED, new_figure

COLUMN = 1.3
"""Greatest width of a column in inches."""
NARROWEST = 0.98
"""Least width of a column in inches, for its head."""
TALLEST = 2.3
"""Greatest height of a row in inches."""


@dataclass(frozen=True)
class Margins:
    """White space of a sheet in inches."""

    left: float = 0.42
    right: float = 0.08
    top: float = 0.52
    bottom: float = 0.1
    gap: float = 0.06
    block_gap: float = 0.3


@dataclass(frozen=True)
class Sheet:
    """A figure cut into cells. Row 0 is on top, column 0 on the left.

    Attributes
    ----------
    figure
        The page.
    heights
        Height of each row in inches.
    column_width
        Width of a column in inches.
    breaks
        Columns before which a new block begins, after a wider gap.
    margins
        White space around and between the cells.
    """

    figure: Figure
    heights: tuple[float, ...]
    column_width: float
    breaks: tuple[int, ...]
    margins: Margins

    def _corner(self, row: int, column: int) -> tuple[float, float]:
        """Return the left and the top edge of a cell in inches from the top left."""
        wide = sum(column >= start for start in self.breaks) * self.margins.block_gap
        left = self.margins.left + column * (self.column_width + self.margins.gap) + wide
        above = sum(height + self.margins.gap for height in self.heights[:row])
        return left, self.margins.top + above

    def box(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes at a place given in inches from the top left corner of the page."""
        page_width, page_height = self.figure.get_size_inches()
        bottom = page_height - top - height
        return self.figure.add_axes(
            (left / page_width, bottom / page_height, width / page_width, height / page_height)
        )

    def cell(self, row: int, column: int, size_mm: tuple[float, float]) -> Axes:
        """Return axes of the shape of a picture (height, width), centred in a cell."""
        left, top = self._corner(row, column)
        scale = min(self.column_width / size_mm[1], self.heights[row] / size_mm[0])
        height, width = size_mm[0] * scale, size_mm[1] * scale
        spare = self.column_width - width, self.heights[row] - height
        return self.box(left + spare[0] / 2, top + spare[1] / 2, width, height)

    def key_cells(self, row: int, column: int, count: int) -> list[Axes]:
        """Return slim axes for `count` horizontal colour bars, one below another, in a cell."""
        left, top = self._corner(row, column)
        step = self.heights[row] / count
        middles = [top + (number + 0.5) * step for number in range(count)]
        return [self.box(left + 0.15, m - 0.04, self.column_width - 0.35, 0.08) for m in middles]

    def column_head(self, column: int, text: str) -> None:
        """Print `text` above a column."""
        left, top = self._corner(0, column)
        self._text(left + self.column_width / 2, top - 0.06, text, ha="center", va="bottom")

    def row_head(self, row: int, text: str) -> None:
        """Print `text` upright to the left of a row."""
        top = self._corner(row, 0)[1] + self.heights[row] / 2
        how = {"ha": "right", "va": "center", "rotation": 90, "multialignment": "center"}
        self._text(self.margins.left - 0.08, top, text, **how)

    def block_head(self, column: int, text: str) -> None:
        """Print `text` above the head of the column that begins a block."""
        left, top = self._corner(0, column)
        self._text(left, top - 0.24, text, ha="left", va="bottom", color=MUTED)

    def title(self, text: str) -> None:
        """Print `text` on the upper left of the page."""
        self._text(self.margins.left, 0.08, text, ha="left", va="top", fontweight="bold")

    def _text(self, left: float, top: float, text: str, **how: Any) -> None:
        width, height = self.figure.get_size_inches()
        self.figure.text(left / width, 1 - top / height, text, **how)


def new_sheet(
    heights: Sequence[float],
    columns: int,
    column_width: float = COLUMN,
    breaks: Sequence[int] = (),
    margins: Margins | None = None,
) -> Sheet:
    """Return an empty sheet; see `Sheet` for the arguments, `row_height` for the heights."""
    margins = margins or Margins()
    width = margins.left + columns * (column_width + margins.gap) - margins.gap + margins.right
    height = margins.top + sum(high + margins.gap for high in heights) + margins.bottom
    page = new_figure(width + len(breaks) * margins.block_gap, height)
    return Sheet(page, tuple(heights), column_width, tuple(breaks), margins)


def column_width(sizes_mm: Sequence[tuple[float, float]]) -> float:
    """Return the inches that the widest of `sizes_mm` (height, width) uses of a column."""
    widths = [row_height(size) * size[1] / size[0] for size in sizes_mm]
    return max(NARROWEST, *widths)


def row_height(
    size_mm: tuple[float, float], column_width: float = COLUMN, tallest: float = TALLEST
) -> float:
    """Return the height in inches that pictures of `size_mm` (height, width) need."""
    return min(tallest, column_width * size_mm[0] / size_mm[1])
