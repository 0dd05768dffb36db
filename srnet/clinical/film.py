"""Read one x-ray film from whatever file it comes in.

DICOM (CR, DX, XA and relatives), PNG, JPEG and TIFF of 8 or 16 bit, and NIfTI
projections all become a `Film`: grey values in [0, 1], bone bright, pixel
spacing in mm in the plane of the spine or None. The pixels stay as stored, so
that a box that was marked in any image viewer fits; `flip` tells how to turn
them into the convention of `srnet.xray`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from srnet.clinical.film_dicom import read_dicom
from srnet.clinical.film_picture import read_picture, read_projection
from srnet.clinical.pixels import Pixels, printed
from srnet.core.digest import file_digest
from srnet.core.errors import SrnetError
from srnet.imaging.geometry import View
from srnet.imaging.xray import Grey


@dataclass(frozen=True)
class Film(Pixels):
    """One film in the place it was given for, without anything that identifies the patient."""

    view: View = View.AP
    sha256: str = ""
    file_format: str = ""
    inverted: bool = False

    @property
    def is_drr(self) -> bool:
        """Tell whether this is a DRR of this package, with a known scale."""
        return self.full_scale_hu_mm > 0

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns."""
        return self.grey.shape[0], self.grey.shape[1]

    def mirrored(self) -> "Film":
        """Return the film with its columns taken to run the other way."""
        rows, columns = self.flip
        return replace(self, flip=(rows, not columns))


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
        If the file is missing, is no image, is a colour photograph, a volume
        or a moving picture, or holds hardly any pixels or contrast.
    """
    path = Path(path)
    if not path.is_file():
        raise SrnetError(f"{path}: no such file; give the path of the {printed(view)} film")
    file_format, reader = _choose_reader(path)
    pixels = reader(path, view)
    _refuse_empty(path, pixels.grey)
    fields: dict[str, Any] = dict(vars(pixels))
    if spacing_mm is not None:
        fields["spacing_mm"] = spacing_mm
    return Film(**fields, view=view, sha256=file_digest(path), file_format=file_format)


def invert_film(film: Film) -> Film:
    """Return the film with black and white exchanged.

    White is the film's own: 12 bits stored in 16 reach only a sixteenth of the range.
    """
    return replace(film, grey=film.grey.max() - film.grey, inverted=not film.inverted)


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
    if min(rows, columns) < 16:
        raise SrnetError(
            f"{path}: {columns} x {rows} pixels are no x-ray film; give the original image"
        )
    if not np.isfinite(grey).all():
        raise SrnetError(f"{path}: holds values that are no numbers; export the film again")
    if float(grey.max()) <= float(grey.min()):
        raise SrnetError(
            f"{path}: every pixel has the value {float(grey.max()):g}; export the film again"
        )
