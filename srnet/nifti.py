"""NIfTI-1 files: those of this package, and the plain ones among all others.

Every job of a cohort reads and writes these files. A general library takes
longer to import than a job takes to read its volume, and a layout without
scaling needs a table of the header's fields and little else. What is not plain
is left to a general library, in `srnet.volume.import_image`.
"""

import gzip
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from srnet.atomic import atomic_path
from srnet.errors import SrnetError

__all__ = ["PlainNifti", "read_nifti", "read_plain", "write_nifti"]

FIELDS: dict[str, tuple[int, str]] = {
    "header_bytes": (0, "<i4"),
    "dim": (40, "<8i2"),
    "datatype": (70, "<i2"),
    "bits": (72, "<i2"),
    "pixdim": (76, "<8f4"),
    "voxel_offset": (108, "<f4"),
    "slope": (112, "<f4"),
    "intercept": (116, "<f4"),
    "units": (123, "u1"),
    "description": (148, "S80"),
    "qform_code": (252, "<i2"),
    "sform_code": (254, "<i2"),
    "quaternion": (256, "<3f4"),
    "q_offset": (268, "<3f4"),
    "s_rows": (280, "<(3,4)f4"),
    "magic": (344, "S4"),
}
"""Offset and format of the fields that are not zero, little-endian."""

HEADER = np.dtype(
    {
        "names": list(FIELDS),
        "offsets": [offset for offset, _ in FIELDS.values()],
        "formats": [kind for _, kind in FIELDS.values()],
        "itemsize": 352,
    }
)
TYPES = {"u1": 2, "<i2": 4, "<i4": 8, "<f4": 16, "<f8": 64, "<u2": 512}
KINDS = {code: kind for kind, code in TYPES.items()}
HEADER_BYTES = 348
GZIP = b"\x1f\x8b"
MILLIMETRES = 2
SCANNER = 1


def write_nifti(
    path: str | Path, array: NDArray[Any], spacing_mm: Any, origin_mm: Any, description: str
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
    kind = array.dtype.newbyteorder("<")
    header = np.zeros((), HEADER)
    header["header_bytes"], header["magic"] = HEADER_BYTES, b"n+1"
    header["voxel_offset"] = HEADER.itemsize
    header["dim"] = 3, *array.shape[::-1], 1, 1, 1, 1
    header["datatype"], header["bits"] = TYPES[kind.str.removeprefix("|")], 8 * kind.itemsize
    header["pixdim"] = 1, *spacing_mm, 1, 1, 1, 1
    header["slope"], header["units"] = 1, MILLIMETRES
    header["description"] = description.encode("ascii")
    header["qform_code"] = header["sform_code"] = SCANNER
    header["q_offset"] = origin_mm
    header["s_rows"][:, :3] = np.diag(spacing_mm)
    header["s_rows"][:, 3] = origin_mm
    # A fixed time stamp and no name: the bytes depend on the volume alone.
    with (
        atomic_path(path) as partial,
        partial.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed,
    ):
        packed.write(header.tobytes())
        packed.write(np.ascontiguousarray(array, kind).data)


def read_nifti(path: str | Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Read a file that `write_nifti` wrote.

    Returns
    -------
    Array, spacing and origin as `write_nifti` takes them; the array cannot be
    written to.

    Raises
    ------
    SrnetError
        If the file is damaged or has another layout.
    """
    try:
        content = zlib.decompress(Path(path).read_bytes(), wbits=31)
    except zlib.error as failure:
        raise SrnetError(f"{path}: damaged, {failure}; delete it and run again") from None
    header = np.frombuffer(content, HEADER, 1)[0] if len(content) > HEADER.itemsize else None
    if header is None or header["magic"] != b"n+1" or header["sform_code"] != SCANNER:
        raise _foreign(path)
    shape = header["dim"][3:0:-1].tolist()
    steps = header["s_rows"][:, :3]
    if header["datatype"] not in KINDS or np.any(steps != np.diag(np.diag(steps))):
        raise _foreign(path)
    array = np.frombuffer(content, KINDS[int(header["datatype"])], offset=HEADER.itemsize)
    return array.reshape(shape), np.diag(steps), header["s_rows"][:, 3]


class PlainNifti(NamedTuple):
    """A NIfTI file as it is written.

    Attributes
    ----------
    array
        Values in file order, (x, y, z) or with more axes; cannot be written to.
    affine
        4x4 matrix from array indices to RAS world mm.
    pixdim_mm
        Voxel size as the header states it, true or not.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    pixdim_mm: tuple[float, float, float]


def read_plain(path: str | Path) -> PlainNifti | None:
    """Read a `.nii` or `.nii.gz` file of anyone's making if it is plain.

    Plain is a single little-endian file with an sform, without scaling, of a
    type that this package writes too, whose voxels come after its header.

    Returns
    -------
    The file, or None if it is of another kind.

    Raises
    ------
    EOFError
        If the compressed file is cut short.
    OSError, ValueError, zlib.error
        If it is damaged.
    """
    content = Path(path).read_bytes()
    if content.startswith(GZIP):
        content = gzip.decompress(content)
    if len(content) < HEADER.itemsize:
        return None
    header = np.frombuffer(content, HEADER, 1)[0]
    if not _is_plain(header):
        return None
    shape = header["dim"][1 : header["dim"][0] + 1].tolist()
    kind, start = KINDS[int(header["datatype"])], int(header["voxel_offset"])
    array = np.frombuffer(content, kind, int(np.prod(shape)), start).reshape(shape, order="F")
    affine = np.vstack([header["s_rows"], [0, 0, 0, 1]]).astype(float)
    x, y, z = (float(step) for step in header["pixdim"][1:4])
    return PlainNifti(array, affine, (x, y, z))


def _is_plain(header: Any) -> bool:
    # A slope of 0 means none, by the standard; some write NaN.
    unscaled = header["slope"] == 0 or np.isnan(header["slope"])
    scaled_by_one = header["slope"] == 1 and header["intercept"] == 0
    return bool(
        header["header_bytes"] == HEADER_BYTES
        and header["magic"] == b"n+1"
        and header["voxel_offset"] >= HEADER.itemsize
        and header["sform_code"] > 0
        and 1 <= header["dim"][0] <= 7
        and np.all(header["dim"][1 : header["dim"][0] + 1] > 0)
        and header["datatype"] in KINDS
        and (unscaled or scaled_by_one)
    )


def _foreign(path: str | Path) -> SrnetError:
    return SrnetError(
        f"{path}: was not written by this package; bring it in with `srnet prepare`, "
        "or through a source of the cohort"
    )
