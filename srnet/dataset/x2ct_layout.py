"""The layout of X2CT-GAN's data sets: one HDF5 file per scan, in a folder of its name.

`FOLDER/SCAN/ct_xray_data.h5` holds `ct`, HU + 1024 as (craniocaudal,
anteroposterior, left-right), and `xray1` (frontal) and `xray2` (lateral), grey
0 to 255. Spacing, position and scale of the grey values are attributes that only
this package writes. Where they are missing, the caller gives the spacing, and the
scale stays unknown, which is stored as 0.
"""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from srnet.core.atomic import atomic_path
from srnet.core.errors import SrnetError
from srnet.core.stamp import record_id
from srnet.dataset.hdf5 import Sample, opened, stored
from srnet.imaging.target import TARGET_MAX
from srnet.imaging.volume import Axis, Grid, Volume
from srnet.imaging.xray import Xray

X2CT_FILE = "ct_xray_data.h5"
GREYS = 255
_HIGHEST = 32767
_LARGEST = 512**3
"""Values of all arrays of a scan; more are a damaged file."""
VIEWS = ("xray1", "xray2")


def write_x2ct(folder: str | Path, scan: str, sample: Sample) -> None:
    """Write one sample for X2CT, 8-bit x-rays included."""
    images = (sample.ap, sample.lateral)
    path = Path(folder) / scan / X2CT_FILE
    with atomic_path(path) as partial, h5py.File(partial, "w") as file:
        file.create_dataset("ct", data=sample.volume.array, dtype=np.int16, compression="gzip")
        for name, image in zip(VIEWS, images, strict=True):
            levels = np.rint(np.clip(image.grey, 0, 1) * GREYS)
            file.create_dataset(name, data=levels, dtype=np.uint8, compression="gzip")
        file.attrs["spacing_mm"] = sample.volume.grid.spacing_mm
        file.attrs["origin_mm"] = sample.volume.grid.origin_mm
        file.attrs["full_scale_hu_mm"] = [image.full_scale_hu_mm for image in images]
        file.attrs["record"] = record_id()


def find_x2ct(folder: str | Path) -> list[str]:
    """Return the scans below `folder`, sorted.

    Raises
    ------
    SrnetError
        If there is none.
    """
    found = sorted(path.parent.name for path in Path(folder).glob(f"*/{X2CT_FILE}"))
    if not found:
        raise SrnetError(f"{folder}: holds no SCAN/{X2CT_FILE}; give the folder above the scans")
    return found


def read_x2ct(
    folder: str | Path, scan: str, spacing_mm: float = 1.0, flips: Sequence[Axis] = ()
) -> Sample:
    """Read one sample of X2CT.

    Parameters
    ----------
    folder, scan
        Where it lies.
    spacing_mm
        Voxel size if the file does not say.
    flips
        Axes along which its arrays run against those of `srnet.imaging.volume`: X2CT
        fixes the order of the axes, not their direction.

    Raises
    ------
    SrnetError
        If the file is damaged or lacks an array, or if an array is of another scale.
    """
    path = Path(folder) / scan / X2CT_FILE
    with opened(path) as file:
        arrays = [stored(file, name) for name in ("ct", *VIEWS)]
        if sum(array.size for array in arrays) > _LARGEST:
            raise ValueError(f"its arrays claim {[array.shape for array in arrays]}")
        ct, *images = (np.squeeze(array[()]) for array in arrays)
        names = ("spacing_mm", "origin_mm", "full_scale_hu_mm")
        attributes = {name: file.attrs[name] for name in names if name in file.attrs}
        _check(ct, images)
    array = np.flip(np.clip(np.rint(ct), 0, TARGET_MAX).astype(np.int16), tuple(flips))
    shape = (array.shape[0], array.shape[1], array.shape[2])
    down, back, left = (float(s) for s in attributes.get("spacing_mm", (spacing_mm,) * 3))
    grid = Grid.centred(shape, (down, back, left), (0.0, 0.0, 0.0))
    if "origin_mm" in attributes:
        right, anterior, superior = (float(place) for place in attributes["origin_mm"])
        grid = Grid(shape, grid.spacing_mm, (right, anterior, superior))
    scales = attributes.get("full_scale_hu_mm", (0.0, 0.0))
    ap, lateral = (
        Xray(_grey(image, columns, flips), float(scale))
        for image, columns, scale in zip(
            images, (Axis.LEFT_RIGHT, Axis.ANTEROPOSTERIOR), scales, strict=True
        )
    )
    return Sample(Volume(np.ascontiguousarray(array), grid), ap, lateral)


def _check(ct: NDArray[np.generic], images: Sequence[NDArray[np.generic]]) -> None:
    """Raise `ValueError` if arrays are not of the shapes and scales of the layout."""
    if ct.ndim != 3 or any(image.ndim != 2 for image in images):
        raise ValueError(f"ct has shape {ct.shape}, its x-rays {[i.shape for i in images]}")
    low, high = _range("ct", ct)
    if low < 0:
        raise ValueError(f"ct begins at {low:g}; it must be HU + 1024, so add 1024 to HU")
    if not GREYS < high <= _HIGHEST:
        raise ValueError(
            f"ct reaches {high:g}; it must be HU + 1024, not shares or shades of grey"
        )
    for name, image in zip(VIEWS, images, strict=True):
        low, high = _range(name, image)
        if low < 0 or not 1 < high <= GREYS:
            raise ValueError(f"{name} runs from {low:g} to {high:g}, not from 0 to {GREYS}")


def _range(name: str, array: NDArray[np.generic]) -> tuple[float, float]:
    if array.size == 0 or array.dtype.kind not in "iuf" or not np.all(np.isfinite(array)):
        raise ValueError(f"{name} is empty, or holds what is no finite number")
    return float(array.min()), float(array.max())


def _grey(image: NDArray[np.generic], columns: Axis, flips: Sequence[Axis]) -> NDArray[np.float32]:
    """Return grey in [0, 1], turned as the volume is."""
    axes = [row for row, axis in enumerate((Axis.CRANIOCAUDAL, columns)) if axis in flips]
    grey = np.clip(image.astype(np.float32) / np.float32(GREYS), 0, 1)
    return np.ascontiguousarray(np.flip(grey, tuple(axes)))
