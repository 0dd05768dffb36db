"""NIfTI files, by nibabel: those of anyone's making, and those of this package.

A file may state its orientation twice, as sform and as qform, and its voxel size a third time.
Programs prefer one or the other, so that a file that contradicts itself is refused.
"""

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from srnet.core.atomic import atomic_path
from srnet.core.errors import ScanRejected, SrnetError
from srnet.core.rejection import is_shortage
from srnet.imaging.image import MM, Image, plain_reason, read_voxels

ORIENT = "convert the original DICOM series, as dcm2niix does, or write its true orientation"

_GZIP = b"\x1f\x8b"
_NIFTI1_HEADER = (348).to_bytes(4, "little"), (348).to_bytes(4, "big")
_NIFTI2_HEADER = (540).to_bytes(4, "little"), (540).to_bytes(4, "big")
_SCANNER = 1
"""Code of a NIfTI form that holds the position in the scanner."""
_UNITS_MM = {1: MM["m"], 3: MM["um"]}
"""Codes of `xyzt_units` other than that of mm."""
_SLAB = 1 << 22


def import_nifti(path: Path) -> Image:
    """Read any NIfTI file, slope and intercept applied.

    Raises
    ------
    ScanRejected
        If it does not state where left is, contradicts itself, or does not hold exactly the
        voxels that it claims.
    """
    header, array = _open(path)
    _check_orientation(header, path)
    unit_mm = _UNITS_MM.get(int(header["xyzt_units"]) & 7, 1.0)
    affine = np.asarray(header.get_best_affine(), dtype=float)
    affine[:3] *= unit_mm
    spacing = tuple(float(step) * unit_mm for step in header["pixdim"][1:4])
    return Image(array, affine, spacing)


def write_nifti(
    path: str | Path,
    array: NDArray[Any],
    spacing_mm: Sequence[float],
    origin_mm: Sequence[float],
    description: str,
) -> None:
    """Write a `.nii.gz` file atomically; equal volumes make equal bytes.

    Parameters
    ----------
    path
        File to write.
    array
        (superior, anterior, right), each running upwards, so that the file's
        fastest axis is the last.
    spacing_mm, origin_mm
        Voxel size, and centre of the first voxel, both as (right, anterior,
        superior).
    description
        At most 79 ASCII characters.
    """
    import nibabel

    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = origin_mm
    image: Any = nibabel.Nifti1Image(array.T, affine, dtype=array.dtype)
    image.set_sform(affine, _SCANNER)
    image.set_qform(affine, _SCANNER)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode("ascii")
    # A fixed time stamp and no name: the bytes depend on the volume alone.
    with (
        atomic_path(path) as partial,
        partial.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed,
    ):
        packed.write(image.to_bytes())


def read_nifti(
    path: str | Path,
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
    """Read a file that `write_nifti` wrote.

    Returns
    -------
    Array, spacing and origin as `write_nifti` takes them.

    Raises
    ------
    SrnetError
        If the file is damaged or has another layout.
    """
    path = Path(path)
    try:
        header, array = _open(path)
        affine = np.asarray(header.get_best_affine(), dtype=float)
    except Exception as failure:  # nibabel raises many kinds of errors on damaged headers.
        if is_shortage(failure) or isinstance(failure, FileNotFoundError):
            raise
        reason = str(failure) if isinstance(failure, ScanRejected) else plain_reason(failure, path)
        raise SrnetError(f"{path}: damaged, {reason}; delete it and run again") from None
    steps = affine[:3, :3]
    if header["sform_code"] != _SCANNER or np.any(steps != np.diag(np.diag(steps))):
        raise SrnetError(
            f"{path}: was not written by this package; bring it in with `srnet prepare`, "
            "or through a source of the cohort"
        )
    return array.T, np.diag(steps), affine[:3, 3]


def _open(path: Path) -> tuple[Any, NDArray[Any]]:
    """Return the header as it is written, and the voxels, slope and intercept applied."""
    import nibabel

    with path.open("rb") as handle:
        head = handle.read(1 << 16)
    # The name does not tell: some programs write `.nii.gz` without packing it.
    packed = head.startswith(_GZIP)
    if packed:
        head = zlib.decompressobj(31).decompress(head, 1 << 12)
    nifti2 = head[:4] in _NIFTI2_HEADER
    kind: Any = nibabel.Nifti2Header if nifti2 else nibabel.Nifti1Header
    if nifti2 or head[:4] in _NIFTI1_HEADER:
        if len(head) < kind.template_dtype.itemsize:
            raise EOFError
    else:
        _refuse_stranger(path)
    # The header as written: on loading, an impossible voxel size is silently mended.
    header = kind(head[: kind.template_dtype.itemsize], check=False)
    _check_layout(header, path)
    start = int(header["vox_offset"])
    shape = tuple(int(n) for n in header.get_data_shape())
    dtype = header.get_data_dtype()
    if packed:
        array = read_voxels(path, shape, dtype, 0, "gzip", packed_header=start)
    else:
        array = read_voxels(path, shape, dtype, start)
    return header, _scaled(array, *header.get_slope_inter())


def _scaled(array: NDArray[Any], slope: float | None, intercept: float | None) -> NDArray[Any]:
    """Return slope and intercept applied, as float32 unless the file holds float64."""
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if array.dtype.kind not in "iuf" or (slope == 1 and intercept == 0):
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    found = np.empty(array.shape, np.float64 if array.dtype.itemsize == 8 else np.float32, "F")
    flat, stored = found.ravel(order="K"), array.ravel(order="K")
    # In pieces, since the product is computed in float64, four times what HU need.
    for at in range(0, stored.size, _SLAB):
        flat[at : at + _SLAB] = stored[at : at + _SLAB] * np.float64(slope) + intercept
    return found


def _refuse_stranger(path: Path) -> NoReturn:
    raise ScanRejected(
        f"{path}: cannot be read as an image (its header is not that of a single NIfTI file); "
        "copy or download it again, or take it out of the folder"
    )


def _check_layout(header: Any, path: Path) -> None:
    if header["magic"] != header.single_magic:
        _refuse_stranger(path)
    start, first = float(header["vox_offset"]), header.single_vox_offset
    if not first <= start < math.inf:
        raise ScanRejected(
            f"{path}: states that its voxels begin at byte {start:g}, within its own header; "
            f"write it again with vox_offset {first}"
        )


def _check_orientation(header: Any, path: Path) -> None:
    """Refuse a file that does not say where its voxels lie, or says it in two ways."""
    if header["sform_code"] == 0 and header["qform_code"] == 0:
        raise ScanRejected(
            f"{path}: states no orientation (sform_code and qform_code are 0), so left and right "
            f"are unknown; {ORIENT}"
        )
    shape = [*header.get_data_shape(), 1, 1, 1][:3]
    corners = np.array(np.meshgrid(*((0, n - 1) for n in shape), [1])).reshape(4, -1)
    pixdim = np.asarray(header["pixdim"][1:4], dtype=float)
    if not np.all(np.isfinite(pixdim) & (pixdim > 0)):
        return  # Such a voxel size is refused later, whatever the file says of its place.
    smallest_mm = float(pixdim.min())
    if header["sform_code"] > 0 and header["qform_code"] > 0:
        apart = (header.get_sform() - header.get_qform()) @ corners
        if not np.max(np.linalg.norm(apart[:3], axis=0)) <= smallest_mm:
            raise ScanRejected(
                f"{path}: its sform and its qform place its voxels differently, and programs take "
                f"the one or the other; {ORIENT} into both"
            )
    if header["sform_code"] > 0:
        steps = np.linalg.norm(header.get_sform()[:3, :3], axis=0)
        apart = np.abs(steps - pixdim) * (np.array(shape) - 1)
        if not np.max(apart) <= smallest_mm:
            stated, by_form = (" x ".join(f"{s:g}" for s in sizes) for sizes in (pixdim, steps))
            raise ScanRejected(
                f"{path}: states voxels of {stated} mm (pixdim) and of {by_form} mm (sform); "
                "write the true size into both"
            )
