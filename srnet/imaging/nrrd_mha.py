"""NRRD, MHA and MHD files: the geometry by SimpleITK, the voxels by the package.

ITK takes what such a header does not say for a default, and does not report a stream whose
checksum is wrong. Both formats have a header of text, which is read here for that reason.
"""

import math
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.core.errors import ScanRejected
from srnet.imaging.image import MM, Image, Packing, check_claim, read_voxels
from srnet.imaging.nifti import ORIENT

_SPACES = (
    *("left-posterior-superior", "left-anterior-superior", "right-anterior-superior"),
    *("lps", "las", "ras"),
)
"""The spaces of an NRRD file in which left is known."""
_PACKINGS: dict[str, Packing] = {
    "raw": "raw",
    **dict.fromkeys(("gzip", "gz"), "gzip"),
    **dict.fromkeys(("bzip2", "bz2"), "bzip2"),
}
_CHECKSUMS: dict[Packing, Callable[[Any, bytes], bool]] = {
    "zlib": lambda array, end: zlib.adler32(array) == int.from_bytes(end[4:], "big"),
    "gzip": lambda array, end: zlib.crc32(array) == int.from_bytes(end[:4], "little"),
}
"""Whether voxels are those whose checksum ends a stream, by its last eight bytes."""
_NUMBERS = (
    *("Int8", "UInt8", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64"),
    *("Float32", "Float64"),
)
_HEADER_BYTES = 65536
_DAMAGED = "copy or download it again, or take it out of the folder"


def import_nrrd(path: Path) -> Image:
    """Read an NRRD file with its voxels in it; see `srnet.imaging.formats.import_image`."""
    fields, start = _header(path, ":")
    if not fields.get("", "").startswith("NRRD0"):
        raise ScanRejected(f"{path}: cannot be read as an image (it is no NRRD file); {_DAMAGED}")
    _check_space(fields, path)
    packing = _PACKINGS.get(fields.get("encoding", "").lower())
    detached = fields.get("data file") or fields.get("datafile")
    if packing is None or detached:
        what = f"in '{detached}'" if detached else f"encoded as '{fields.get('encoding', '')}'"
        raise ScanRejected(
            f"{path}: its voxels are {what}, which is not read; write it again as one file, raw "
            "or packed by gzip"
        )
    skip = [
        fields.get(f"{what} skip") or fields.get(f"{what}skip") or "0" for what in ("line", "byte")
    ]
    if skip == ["0", "-1"] and packing == "raw":
        start = -1
    elif skip != ["0", "0"]:
        raise ScanRejected(
            f"{path}: its header skips lines or bytes before the voxels; write it again without"
        )
    unit = fields.get("space units") or fields.get("units") or ""
    big = fields.get("endian", "").lower() == "big"
    return _read(path, path, start, packing, big, _unit_mm(path, re.findall(r'"([^"]*)"', unit)))


def import_meta_image(path: Path) -> Image:
    """Read an MHA or MHD file; see `srnet.imaging.formats.import_image`."""
    fields, start = _header(path, "=", last="elementdatafile")
    name = fields.get("elementdatafile")
    if name is None:
        raise ScanRejected(
            f"{path}: cannot be read as an image (its header names no ElementDataFile); {_DAMAGED}"
        )
    for lacks, what, names in (
        ("orientation", "left and right are", ("transformmatrix", "rotation", "orientation")),
        ("voxel size", "lengths are", ("elementspacing",)),
    ):
        if not fields.keys() & set(names):
            raise ScanRejected(f"{path}: states no {lacks}, so {what} unknown; {ORIENT}")
    voxels = path
    if name.upper() != "LOCAL":
        voxels, start = path.parent / name, 0
        if name.upper().startswith("LIST") or "%" in name:
            raise ScanRejected(
                f"{path}: its voxels are spread over several files; write it again as one .mha"
            )
        if not voxels.is_file():
            raise ScanRejected(
                f"{path}: its voxels are missing: the file '{name}' must lie beside it; "
                "copy that file too"
            )
    header_size = int(fields.get("headersize", "0") or 0)
    start = header_size if header_size else start
    packed = fields.get("compresseddata", "").lower() == "true"
    order = (fields.get(f"{what}byteordermsb", "") for what in ("binarydata", "element"))
    big = any(value.lower() in {"true", "1"} for value in order)
    unit_mm = _unit_mm(path, [fields.get("distanceunits", "")])
    return _read(path, voxels, start, "zlib" if packed else "raw", big, unit_mm)


def _read(
    path: Path, voxels: Path, start: int, packing: Packing, big_endian: bool, unit_mm: float
) -> Image:
    """Return the image of a header, trailing axes of length one dropped.

    Voxels begin at byte `start` of the file `voxels`, or fill its end where `start` is -1.
    """
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    size, spacing = reader.GetSize(), reader.GetSpacing()
    dtype = _dtype(reader, path)
    if start < 0:
        start = voxels.stat().st_size - int(np.prod(size, dtype=object)) * dtype.itemsize
    array = None
    if packing in _CHECKSUMS and not big_endian:
        check_claim(voxels, math.prod(size), math.prod(size) * dtype.itemsize)
        array = _read_fast(reader, voxels, packing)
    if array is None:
        stored = dtype.newbyteorder(">" if big_endian else "<")
        array = read_voxels(voxels, size, stored, start, packing).astype(dtype, copy=False)
    rank = len(size)
    while rank > 3 and size[rank - 1] == 1:
        rank -= 1
    # The first three rows and columns are the geometry of the axes that are left.
    affine = np.eye(4)
    if rank == 3:
        direction = np.reshape(reader.GetDirection(), (len(size), len(size)))[:3, :3]
        affine[:3, :3] = direction * np.array(spacing[:3])
        affine[:3, 3] = reader.GetOrigin()[:3]
    affine[:3] *= unit_mm
    # ITK's world runs left, posterior, superior.
    affine[:2] *= -1
    steps = tuple(step * unit_mm for step in spacing[:rank])
    return Image(array.reshape(size[:rank], order="F"), affine, steps)


def _read_fast(reader: Any, voxels: Path, packing: Packing) -> NDArray[Any] | None:
    """Return what ITK unpacks, which is quick, if its checksum is that at the end of the file."""
    import SimpleITK

    try:
        array = SimpleITK.GetArrayFromImage(reader.Execute())
    except RuntimeError:
        return None  # The slow way says what is wrong.
    with voxels.open("rb") as handle:
        handle.seek(-8, 2)
        end = handle.read(8)
    return array.T if _CHECKSUMS[packing](array, end) else None


def _dtype(reader: Any, path: Path) -> np.dtype[Any]:
    """Return the type of single numbers, or refuse colours and complex numbers."""
    import SimpleITK

    for name in _NUMBERS:
        if reader.GetPixelIDValue() == getattr(SimpleITK, f"sitk{name}"):
            return np.dtype(name.lower())
    kind = SimpleITK.GetPixelIDValueAsString(reader.GetPixelIDValue())
    what = "complex numbers" if "complex" in kind else "colours"
    raise ScanRejected(
        f"{path}: its voxels are {what} instead of single numbers; give the CT itself"
    )


def _header(path: Path, between: str, last: str = "") -> tuple[dict[str, str], int]:
    """Return the fields of a header of text, by lower-case name, and where it ends.

    It ends at an empty line, or after the field `last`. A line without a name is the field "".
    """
    with path.open("rb") as handle:
        head = handle.read(_HEADER_BYTES)
    fields: dict[str, str] = {}
    end = 0
    for line in head.splitlines(keepends=True):
        end += len(line)
        name, separator, value = line.decode("latin-1").strip().partition(between)
        if not name:
            break
        key = name.strip().lower() if separator else ""
        fields.setdefault(key, value.strip() if separator else name)
        if last and key == last:
            break
    return fields, end


def _check_space(fields: dict[str, str], path: Path) -> None:
    space = fields.get("space", "").lower()
    # No space of four dimensions has a name: ITK writes its own, which is that of LPS.
    nameless = fields.get("space dimension", "0") not in {"0", "1", "2", "3"}
    if "space directions" not in fields:
        lacks = "it has no 'space directions'"
    elif space in _SPACES or nameless:
        return
    else:
        lacks = f"its space is '{space}'" if space else "it has no 'space'"
    raise ScanRejected(
        f"{path}: states no orientation ({lacks}), so left and right are unknown; {ORIENT}"
    )


def _unit_mm(path: Path, units: list[str]) -> float:
    """Return the length of a header's unit in mm, which is also what no unit means."""
    named = {unit.strip().lower() for unit in units} - {"", "?"}
    if not named:
        return 1.0
    unit = named.pop()
    if named or unit not in MM:
        raise ScanRejected(
            f"{path}: states lengths in '{unit}'{' and other units' if named else ''}; write it "
            "again in mm"
        )
    return MM[unit]
