"""Anatomical pictures in true proportions, with letters of direction and a scale bar.

Every picture is drawn in mm, so that voxels that are not cubes keep their
shape, and in radiological convention: patient right on the viewer's left,
anterior on the left of a sagittal picture.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from srnet.imaging.target import hounsfield
from srnet.imaging.volume import Axis, Grid

LETTER = "#ffd23f"
_LETTERS = {"color": LETTER, "fontsize": 6, "fontweight": "bold"}
_NICE_MM = (1, 2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True)
class Plane:
    """One of the three anatomical planes.

    Attributes
    ----------
    name
        As printed.
    across
        The axis at right angles to the plane.
    edges
        Letters of the left, right, top and bottom edge of a picture.
    """

    name: str
    across: Axis
    edges: tuple[str, str, str, str]

    def pixel_mm(self, grid: Grid) -> tuple[float, float]:
        """Return the height and the width of a pixel in mm."""
        row, column = (grid.spacing_mm[axis] for axis in Axis if axis != self.across)
        return row, column

    def size_mm(self, grid: Grid) -> tuple[float, float]:
        """Return the height and the width of a picture in mm."""
        row, column = (grid.extent_mm[axis] for axis in Axis if axis != self.across)
        return row, column

    def slice(self, array: NDArray[np.float32], index: int) -> NDArray[np.float32]:
        """Return slice `index` of a volume as a picture."""
        picture: NDArray[np.float32] = np.take(array, [index], axis=self.across)
        return picture.squeeze(self.across)

    def mip(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the maximum intensity projection of a volume as a picture."""
        picture: NDArray[np.float32] = array.max(axis=self.across)
        return picture

    def through_bone(self, target: NDArray[np.float32]) -> int:
        """Return the index of the slice through the centre of mass of the target's bone.

        The middle of the array may miss a spine that was scanned off centre.
        An empty volume gives its middle slice.
        """
        others = tuple(axis for axis in Axis if axis != self.across)
        mass = np.clip(target, 0, None).sum(axis=others, dtype=np.float64)
        if mass.sum() == 0:
            return len(mass) // 2
        return round(float(np.average(np.arange(len(mass)), weights=mass)))


CORONAL = Plane("Coronal", Axis.ANTEROPOSTERIOR, ("R", "L", "S", "I"))
SAGITTAL = Plane("Sagittal", Axis.LEFT_RIGHT, ("A", "P", "S", "I"))
AXIAL = Plane("Axial", Axis.CRANIOCAUDAL, ("R", "L", "A", "P"))


def draw(
    axes: Axes,
    picture: NDArray[np.float32],
    pixel_mm: tuple[float, float],
    limits: tuple[float, float],
    cmap: str = "gray",
) -> AxesImage:
    """Draw a picture in mm, its window `limits` from black to white, without ticks."""
    height, width = (n * mm for n, mm in zip(picture.shape, pixel_mm, strict=True))
    axes.set_axis_off()
    extent, (low, high) = (0.0, width, height, 0.0), limits
    return axes.imshow(
        picture, cmap, vmin=low, vmax=high, extent=extent, interpolation="bilinear", aspect="equal"
    )


def letters(axes: Axes, plane: Plane) -> None:
    """Write the anatomical letters of `plane` inside the edges of a picture."""
    inches = axes.get_window_extent().width / axes.figure.get_dpi()
    x, y = 0.04 / inches, 0.04 / inches
    places = [(x, 0.5, "left", "center"), (1 - x, 0.5, "right", "center")]
    places += [(0.5, 1 - y, "center", "top"), (0.5, y, "center", "bottom")]
    for letter, (across, up, horizontal, vertical) in zip(plane.edges, places, strict=True):
        text = axes.text(across, up, letter, ha=horizontal, va=vertical, transform=axes.transAxes)
        text.set(**_LETTERS, path_effects=[withStroke(linewidth=1.2, foreground="black")])


def scale_bar(axes: Axes, colour: str = "white") -> None:
    """Draw a bar of a round number of mm, a quarter of the picture's width at most."""
    left, right = sorted(axes.get_xlim())
    top, bottom = sorted(axes.get_ylim())
    width = right - left
    length = max([mm for mm in _NICE_MM if mm <= width / 4], default=_NICE_MM[0])
    start, level = left + 0.05 * width, bottom - 0.05 * width
    halo = [withStroke(linewidth=1.2, foreground="black" if colour == "white" else "white")]
    axes.plot(
        [start, start + length], [level, level], color=colour, linewidth=1.5, solid_capstyle="butt"
    )
    label = axes.text(start, level - 0.03 * width, f"{length} mm", ha="left", va="bottom")
    label.set(color=colour, fontsize=5.5, path_effects=halo)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def grey_key(axes: Axes, image: AxesImage) -> None:
    """Draw the key of the grey values of `image`, network values, in HU."""
    bar = axes.figure.colorbar(image, cax=axes, orientation="horizontal")
    bar.set_ticks(list(image.get_clim()))
    bar.set_ticklabels([f"{hounsfield(value):.0f}" for value in bar.get_ticks()])
    finish_key(bar, "HU in bone")


def finish_key(bar: Colorbar, title: str) -> None:
    """Print `title` over a slim colour bar and thin its lines."""
    bar.ax.set_title(title, fontsize=6, pad=2)
    bar.ax.tick_params(labelsize=6, length=2, pad=1)
    labels = bar.ax.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    labels[-1].set_horizontalalignment("right")
    bar.outline.set_linewidth(0.4)
