"""An x-ray film, read from a file of any common format, and the region marked on it.

DICOM (CR, DX, XA and relatives), PNG, JPEG and TIFF of 8 or 16 bit, and NIfTI
projections all become a `Film`: grey values in [0, 1], bone bright, pixel
spacing in mm in the plane of the spine or None. The pixels stay as stored but
for films that lie on their side, which are turned; `place_box` does the same to
a box that was marked in an image viewer. `flip` tells how to turn the film into
the convention of `srnet.imaging.xray`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from srnet.clinical.film_dicom import read_dicom
from srnet.clinical.film_picture import Pixels, read_picture, read_projection
from srnet.clinical.findings import printed
from srnet.core.digest import file_digest
from srnet.core.errors import SrnetError
from srnet.core.rejection import is_shortage
from srnet.imaging.geometry import View
from srnet.imaging.xray import Grey

SMALLEST = 16
"""Pixels along the shorter edge below which no spine can be seen."""


@dataclass(frozen=True)
class Film(Pixels):
    """One film as one of the two views, without anything that identifies the patient."""

    view: View = View.AP
    sha256: str = ""
    file_format: str = ""
    inverted: bool = False

    @property
    def is_drr(self) -> bool:
        """Tell whether this is a DRR of this package, with a known scale."""
        return self.full_scale_hu_mm > 0

    @property
    def pixel_aspect(self) -> float:
        """Return the distance of rows over the distance of columns."""
        return self.spacing_mm[0] / self.spacing_mm[1] if self.spacing_mm else self.aspect

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns."""
        return self.grey.shape[0], self.grey.shape[1]

    def mirrored(self) -> "Film":
        """Return the film with its columns taken to run the other way."""
        rows, columns = self.flip
        return replace(self, flip=(rows, not columns))


@dataclass(frozen=True)
class Box:
    """Columns x0 to x1 and rows y0 to y1 of `Film.grey`, the ends not included.

    `given` is False where no box was marked and the whole film is used.
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


def read_film(path: str | Path, view: View, spacing_mm: tuple[float, float] | None = None) -> Film:
    """Read the film of one view.

    Parameters
    ----------
    path
        A DICOM, PNG, JPEG, TIFF or NIfTI file.
    view
        The view it is given as; decides how its columns must run.
    spacing_mm
        Spacing of rows and of columns in the plane of the spine; overrides what the file says.

    Raises
    ------
    SrnetError
        If the file is missing, damaged or no image, is a colour photograph, a volume
        or a moving picture, or is too small or of one grey value.
    MemoryError, OSError
        If the machine ran short, whatever the file is worth.
    """
    path = Path(path)
    if not _is_file(path):
        raise SrnetError(f"{path}: no such file; give the path of the {printed(view)} film")
    file_format, reader = _choose_reader(path)
    try:
        with np.errstate(all="ignore"):  # values that are no numbers are refused below
            pixels = reader(path, view)
    except SrnetError:
        raise
    except Exception as failure:  # Libraries raise many kinds of errors on damaged files.
        if is_shortage(failure):
            raise
        # Not what the library says, which may quote a tag that names the patient.
        raise SrnetError(
            f"{path}: cannot be decoded, since it is damaged or was cut short "
            f"({type(failure).__name__}); export it again"
        ) from None
    _refuse_empty(path, pixels.grey)
    fields: dict[str, Any] = dict(vars(pixels))
    if spacing_mm is not None:
        fields["spacing_mm"] = spacing_mm
        asked = ("spacing", "magnification")
        fields["findings"] = tuple(f for f in pixels.findings if f.check not in asked)
    return Film(**fields, view=view, sha256=file_digest(path), file_format=file_format)


def invert_film(film: Film) -> Film:
    """Return the film with black and white exchanged.

    White is the brightest pixel of the film: 12 bits stored in 16 reach only a
    sixteenth of the full range.
    """
    return replace(film, grey=film.grey.max() - film.grey, inverted=not film.inverted)


def place_box(film: Film, corners: tuple[int, int, int, int] | None) -> Box:
    """Return the box with these corners, or the whole film.

    Parameters
    ----------
    film
        The film that the box is marked on.
    corners
        x0, y0, x1, y1 in pixels of the film as its file holds it, or None.

    Raises
    ------
    SrnetError
        If the box reaches beyond the film, is too small, or its corners are
        in the wrong order.
    """
    rows, columns = film.shape
    if corners is None:
        return Box(0, 0, columns, rows, given=False)
    box = Box(*corners)
    if film.transposed:
        rows, columns = columns, rows
    name = f"box {' '.join(map(str, corners))} of the {printed(film.view)} film"
    if min(box.x0, box.y0) < 0 or box.x1 > columns or box.y1 > rows:
        raise SrnetError(f"{name} leaves the film of {columns} x {rows} pixels; mark it again")
    if min(box.width, box.height) < SMALLEST:
        raise SrnetError(
            f"{name} is {box.width} x {box.height} pixels; give x0 y0 x1 y1 with x0 < x1, "
            f"y0 < y1 and at least {SMALLEST} pixels along each edge"
        )
    return Box(box.y0, box.x0, box.y1, box.x1) if film.transposed else box


def crop(film: Film, box: Box) -> Grey:
    """Return the boxed pixels, turned into the convention of `srnet.imaging.xray`."""
    grey = film.grey[box.y0 : box.y1, box.x0 : box.x1]
    rows, columns = film.flip
    return grey[:: -1 if rows else 1, :: -1 if columns else 1]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as failure:  # such as a name that is too long for any file
        if is_shortage(failure):
            raise
        return False


def _choose_reader(path: Path) -> tuple[str, Callable[[Path, View], Pixels]]:
    """Return the name and the reader of a file's format, told by its content."""
    with path.open("rb") as handle:
        head = handle.read(132)
    name = path.name.lower()
    if head[128:] == b"DICM" or name.endswith((".dcm", ".dicom")):
        return "DICOM", read_dicom
    if name.endswith((".nii", ".nii.gz")):
        return "NIfTI", read_projection
    return "picture", read_picture


def _refuse_empty(path: Path, grey: Grey) -> None:
    rows, columns = grey.shape
    if min(rows, columns) < SMALLEST:
        raise SrnetError(
            f"{path}: an image of {columns} x {rows} pixels is too small for an x-ray film; "
            "give the original image"
        )
    if not np.isfinite(grey).all():
        raise SrnetError(
            f"{path}: holds infinite or undefined pixel values; export the film again"
        )
    if float(grey.max()) <= float(grey.min()):
        raise SrnetError(
            f"{path}: every pixel has the value {float(grey.max()):g}; export the film again"
        )
