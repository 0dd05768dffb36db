"""NIfTI-1 files with axes that run right, anterior, superior: header and voxels.

Every job of a cohort reads and writes these files. A general library takes
longer to import than a job takes to read its volume; the one layout that this
package writes needs a table of the header's fields and little else. Files of
others come in through `srnet.volume.import_image`, by a general library.
"""

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.atomic import atomic_path
from srnet.errors import SrnetError

__all__ = ["read_nifti", "write_nifti"]

FIELDS: dict[str, tuple[int, str]] = {
    "header_bytes": (0, "<i4"),
    "dim": (40, "<8i2"),
    "datatype": (70, "<i2"),
    "bits": (72, "<i2"),
    "pixdim": (76, "<8f4"),
    "voxel_offset": (108, "<f4"),
    "slope": (112, "<f4"),
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
    header["header_bytes"], header["magic"], header["voxel_offset"] = 348, b"n+1", 352
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
    kinds = {code: kind for kind, code in TYPES.items()}
    shape = header["dim"][3:0:-1].tolist()
    steps = header["s_rows"][:, :3]
    if header["datatype"] not in kinds or np.any(steps != np.diag(np.diag(steps))):
        raise _foreign(path)
    array = np.frombuffer(content, kinds[int(header["datatype"])], offset=HEADER.itemsize)
    return array.reshape(shape), np.diag(steps), header["s_rows"][:, 3]


def _foreign(path: str | Path) -> SrnetError:
    return SrnetError(
        f"{path}: was not written by this package; bring it in with `srnet prepare`, "
        "or through a source of the cohort"
    )
