"""One x-ray image, synthetic or real, and its PNG file.

Rows run from superior to inferior. Columns of an AP view run from patient
right to left, columns of a lateral view from anterior to posterior: exactly
the axes of a volume (see `srnet.volume`) seen along one of them. Bone is
bright.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from srnet.atomic import atomic_path
from srnet.rejection import raise_if_buried
from srnet.stamp import record_id

__all__ = ["LEVELS", "Xray", "read_xray", "write_xray"]

LEVELS = 65535
"""Grey levels of a stored x-ray: 16 bit."""


@dataclass(frozen=True)
class Xray:
    """Grey values and the line integral that white stands for.

    Attributes
    ----------
    grey
        float32 (rows, columns) in [0, 1], bone bright, 0 where a ray meets none.
    full_scale_hu_mm
        Line integral of `clip(HU + 1024, 0, 2500)` over bone, in HU mm, at grey
        1; 0 where it is unknown, as on a film.
    """

    grey: NDArray[np.float32]
    full_scale_hu_mm: float

    @property
    def integral_hu_mm(self) -> NDArray[np.float32]:
        """Return the line integrals, (rows, columns), in HU mm."""
        return self.grey * np.float32(self.full_scale_hu_mm)


def write_xray(path: str | Path, xray: Xray) -> None:
    """Write `xray` as a 16-bit grey PNG with its scale in a text chunk."""
    text = PngInfo()
    text.add_text("full_scale_hu_mm", repr(float(xray.full_scale_hu_mm)))
    text.add_text("record", record_id())
    levels = np.round(np.clip(xray.grey, 0, 1) * LEVELS).astype(np.uint16)
    with atomic_path(path) as partial:
        Image.fromarray(levels).save(partial, format="PNG", pnginfo=text)


def read_xray(path: str | Path) -> Xray:
    """Read an x-ray that `write_xray` wrote.

    Raises
    ------
    ScanRejected
        If the file is the tombstone of a rejected scan.
    """
    raise_if_buried(path)
    with Image.open(path) as image:
        levels = np.asarray(image, dtype=np.float32)
        scale = float(image.text["full_scale_hu_mm"])  # type: ignore[attr-defined]
    return Xray(levels / np.float32(LEVELS), scale)
