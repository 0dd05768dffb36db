"""A table of pictures, laid out in inches so that nothing depends on fitting.

A row holds pictures of one size; every picture is as wide as its column
allows unless that makes the row too tall. Rows and columns have printed heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from srnet.figures.canvas import new_figure

__all__ = ["Sheet", "new_sheet"]


@dataclass(frozen=True)
class Margins:
    """White space of a sheet in inches."""

    left: float = 0.42
    right: float = 0.08
    top: float = 0.52
    bottom: float = 0.1
    gap: float = 0.06


@dataclass(frozen=True)
class Sheet:
    """A figure cut into cells. Row 0 is on top, column 0 on the left.

    Attributes
    ----------
    figure
        The page.
    sizes
        Height and width of the pictures of each row in inches.
    column_width
        Width of a column in inches.
    margins
        White space around and between the cells.
    """

    figure: Figure
    sizes: tuple[tuple[float, float], ...]
    column_width: float
    margins: Margins

    def _corner(self, row: int, column: int) -> tuple[float, float]:
        """Return the left and the top edge of a cell in inches from the top left."""
        left = self.margins.left + column * (self.column_width + self.margins.gap)
        above = sum(height + self.margins.gap for height, _ in self.sizes[:row])
        return left, self.margins.top + above

    def box(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes at a place given in inches from the top left corner of the page."""
        page_width, page_height = self.figure.get_size_inches()
        bottom = page_height - top - height
        return self.figure.add_axes(
            (left / page_width, bottom / page_height, width / page_width, height / page_height)
        )

    def cell(self, row: int, column: int) -> Axes:
        """Return axes of exactly the picture's size, centred in a cell."""
        height, width = self.sizes[row]
        left, top = self._corner(row, column)
        return self.box(left + (self.column_width - width) / 2, top, width, height)

    def key_cell(self, row: int, column: int) -> Axes:
        """Return slim axes for a horizontal colour bar in the middle of a cell."""
        left, top = self._corner(row, column)
        middle = top + self.sizes[row][0] / 2
        return self.box(left + 0.1, middle - 0.1, self.column_width - 0.3, 0.09)

    def column_head(self, column: int, text: str) -> None:
        """Print `text` above a column."""
        left, top = self._corner(0, column)
        self._text(left + self.column_width / 2, top - 0.06, text, ha="center", va="bottom")

    def row_head(self, row: int, text: str) -> None:
        """Print `text` upright to the left of a row."""
        top = self._corner(row, 0)[1] + self.sizes[row][0] / 2
        self._text(
            self.margins.left - 0.08,
            top,
            text,
            ha="right",
            va="center",
            rotation=90,
            multialignment="center",
        )

    def title(self, text: str) -> None:
        """Print `text` on the upper left of the page."""
        self._text(self.margins.left, 0.08, text, ha="left", va="top", fontweight="bold")

    def _text(self, left: float, top: float, text: str, **how: Any) -> None:
        width, height = self.figure.get_size_inches()
        self.figure.text(left / width, 1 - top / height, text, **how)


def new_sheet(
    sizes_mm: Sequence[tuple[float, float]],
    columns: int,
    column_width: float = 1.3,
    tallest: float = 2.4,
    margins: Margins | None = None,
) -> Sheet:
    """Return a sheet whose rows show pictures of `sizes_mm` (height, width).

    Parameters
    ----------
    sizes_mm
        Height and width in mm of the pictures of each row.
    columns
        Number of columns.
    column_width, tallest
        Width of a column and greatest height of a row in inches.
    margins
        White space, the defaults of `Margins` if not given.
    """
    margins = margins or Margins()
    sizes = tuple(_fit(size, column_width, tallest) for size in sizes_mm)
    width = margins.left + columns * (column_width + margins.gap) - margins.gap + margins.right
    height = margins.top + sum(high + margins.gap for high, _ in sizes) + margins.bottom
    return Sheet(new_figure(width, height), sizes, column_width, margins)


def _fit(size_mm: tuple[float, float], width: float, height: float) -> tuple[float, float]:
    """Return `size_mm` scaled to fit into `width` x `height` inches."""
    scale = min(width / size_mm[1], height / size_mm[0])
    return size_mm[0] * scale, size_mm[1] * scale
