"""Image files of anyone's making, read by general libraries, and what these say of bad ones.

`srnet.volume.import_image` is the way in. What a file does not say (where left is, where
its voxels begin) is refused here: libraries guess, and they guess differently.

NIfTI-1 files: those of this package, and the plain ones among all others.

Every job of a cohort reads and writes these files. A general library takes
longer to import than a job takes to read its volume, and a layout without
scaling needs a table of the header's fields and little else. What is not plain
is left to a general library, in `srnet.volume.import_image`.
"""

import gzip
import math
import re
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from srnet.core.atomic import atomic_path
from srnet.core.errors import ScanRejected, SrnetError

_NRRD_SPACES = (
    *("left-posterior-superior", "left-anterior-superior", "right-anterior-superior"),
    *("lps", "las", "ras"),
)
"""The spaces of an NRRD file in which left is known."""

_HEADER_BYTES = 65536
_DENSEST = 1032
"""Bytes that deflate can make of one."""

_ORIENT = "convert the original DICOM series, as dcm2niix does, or write its true orientation"


class ForeignImage(NamedTuple):
    """An image as its file holds it: what `srnet.imaging.volume.Image` holds, in its order."""

    array: NDArray[Any]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, ...]


def read_general_nifti(path: Path) -> ForeignImage:
    """Read any NIfTI file, slope and intercept applied.

    Raises
    ------
    ScanRejected
        If it does not say where left is, or where its voxels begin.
    Exception
        Whatever nibabel raises at damage.
    """
    import nibabel
    from nibabel.openers import ImageOpener

    image: Any = nibabel.load(str(path))
    # The header as written: on loading, an impossible voxel size is silently mended.
    with ImageOpener(str(path)) as handle:
        header = type(image.header).from_fileobj(handle, check=False)
    _check_nifti_header(header, path)
    pixdim = [float(step) for step in header["pixdim"][1:4]]
    values = np.asarray(image.dataobj)
    # A slope makes float64 of the stored integers, twice what HU need.
    array = values.astype(np.float32) if values.dtype == np.float64 else values
    return ForeignImage(array, np.asarray(image.affine, dtype=float), tuple(pixdim))


def _check_nifti_header(header: Any, path: Path) -> None:
    if header["sform_code"] == 0 and header["qform_code"] == 0:
        raise ScanRejected(
            f"{path}: states no orientation (sform_code and qform_code are 0), so left and right "
            f"are unknown; {_ORIENT}"
        )
    start, first = float(header["vox_offset"]), header.single_vox_offset
    if header["magic"] == header.single_magic and start < first:
        raise ScanRejected(
            f"{path}: states that its voxels begin at byte {start:g}, within its own header; "
            f"write it again with vox_offset {first}"
        )


def read_itk(path: Path) -> ForeignImage:
    """Read an NRRD, MHA or MHD file, trailing axes of length one dropped.

    Raises
    ------
    ScanRejected
        If it does not say where left is, or its file of voxels is missing.
    RuntimeError
        Whatever SimpleITK says of damage.
    """
    import SimpleITK

    if path.name.lower().endswith(".nrrd"):
        _check_nrrd_space(path)
    elif path.name.lower().endswith((".mha", ".mhd")):
        _check_meta_data_file(path)
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    _check_claim(reader, path)
    image = reader.Execute()
    while image.GetDimension() > 3 and image.GetSize()[-1] == 1:
        # The image and not its array is cut: it keeps the geometry of the axes that are left.
        image = SimpleITK.Extract(image, (*image.GetSize()[:-1], 0))
    array = SimpleITK.GetArrayFromImage(image).T
    affine = np.eye(4)
    if image.GetDimension() == 3:
        direction = np.reshape(image.GetDirection(), (3, 3))
        affine[:3, :3] = direction * np.array(image.GetSpacing())
        affine[:3, 3] = image.GetOrigin()
    # ITK's world runs left, posterior, superior.
    affine[:2] *= -1
    return ForeignImage(array, affine, image.GetSpacing())


def _header_fields(path: Path, between: str, last: str) -> dict[str, str]:
    """Return the fields of a text header by lower-case name, up to that named `last`."""
    with path.open("rb") as handle:
        text = handle.read(_HEADER_BYTES).decode("latin-1")
    fields = {}
    for line in re.split(r"\r?\n", text):
        name, _, value = line.partition(between)
        if line == "":
            break
        fields[name.strip().lower()] = value.strip()
        if name.strip().lower() == last:
            break
    return fields


def _check_nrrd_space(path: Path) -> None:
    fields = _header_fields(path, ":", last="")
    if not any(name.startswith("nrrd0") for name in fields):
        return  # No NRRD file at all: the library says so.
    space = fields.get("space", "").lower()
    # No space of four dimensions has a name: ITK writes its own, which is that of LPS.
    nameless = int(fields.get("space dimension", "0")) > 3
    if "space directions" not in fields:
        lacks = "it has no 'space directions'"
    elif space in _NRRD_SPACES or nameless:
        return
    else:
        lacks = f"its space is '{space}'" if space else "it has no 'space'"
    raise ScanRejected(
        f"{path}: states no orientation ({lacks}), so left and right are unknown; {_ORIENT}"
    )


def _check_meta_data_file(path: Path) -> None:
    name = _header_fields(path, "=", last="elementdatafile").get("elementdatafile")
    if name is None:
        raise ScanRejected(
            f"{path}: cannot be read as an image (its header names no ElementDataFile); "
            "copy or download it again, or take it out of the folder"
        )
    # LOCAL is the file itself; LIST and patterns are left to the library.
    beside = name.upper() != "LOCAL" and " " not in name and "%" not in name
    if beside and not name.upper().startswith("LIST") and not (path.parent / name).is_file():
        raise ScanRejected(
            f"{path}: its voxels are missing: the file '{name}' must lie beside it; "
            "copy that file too"
        )


def _check_claim(reader: Any, path: Path) -> None:
    """Refuse a damaged size, which would look like a lack of memory."""
    claimed, size = math.prod(reader.GetSize()), path.stat().st_size
    if not path.name.lower().endswith(".mhd") and claimed > _DENSEST * size:
        raise ScanRejected(
            f"{path}: its header claims {claimed:.3g} voxels, more than {size} bytes can hold; "
            "copy or download it again"
        )


def plain_reason(failure: Exception, path: Path) -> str:
    """Return what a library says of a bad file: equal for equal files, on every machine."""
    if isinstance(failure, EOFError):
        return "it ends too early, as after a broken download"
    # SimpleITK puts the place in its own source before the message, and an address into it.
    text = re.sub(r"Exception thrown in SimpleITK \w+: \S+:\d+:", "", str(failure))
    text = re.split(r"(?:sitk::|itk::|ITK )ERROR:", text)[-1]
    text = re.sub(r"\(?0x[0-9a-fA-F]+\)?", "", text).replace(str(path), path.name)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any("MetaImageIO" in line for line in lines):
        # All that ITK says more is the reason of some earlier, other failure.
        return "its header or its voxels are incomplete"
    # teem lists its callers first and the reason last.
    last = [re.sub(r"^\[nrrd\] \w+: ", "", line) for line in lines if "[nrrd]" in line][-1:]
    return " ".join(last or lines)[:200] or type(failure).__name__


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
