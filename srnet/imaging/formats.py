"""Image files: NIfTI by nibabel, NRRD, MHA and MHD by SimpleITK.

Files of anyone's making are read by `import_image`. What a file does not say (where left is,
where its voxels begin) is refused, since libraries guess it, and guess differently. Files of
this package are written by `write_nifti` and read by `read_nifti`.
"""

import gzip
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.core.atomic import atomic_path
from srnet.core.errors import ScanRejected, SrnetError
from srnet.core.rejection import is_shortage

_GZIP = b"\x1f\x8b"
_NIFTI2_HEADER = (540).to_bytes(4, "little"), (540).to_bytes(4, "big")
_SCANNER = 1
"""Code of a NIfTI form that holds the position in the scanner."""

_NRRD_SPACES = (
    *("left-posterior-superior", "left-anterior-superior", "right-anterior-superior"),
    *("lps", "las", "ras"),
)
"""The spaces of an NRRD file in which left is known."""

_HEADER_BYTES = 65536
_DENSEST = 1032
"""Bytes that deflate can make of one."""

_ORIENT = "convert the original DICOM series, as dcm2niix does, or write its true orientation"


@dataclass(frozen=True)
class Image:
    """An image as its file holds it, in any orientation.

    Attributes
    ----------
    array
        Values in file order, slope and intercept applied.
    affine
        4x4 matrix from array indices to RAS world mm.
    spacing_mm
        Voxel size as the header states it, true or not.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, ...]


def import_image(path: str | Path) -> Image:
    """Read a NIfTI, NRRD, MHA or MHD file of anyone's making.

    Raises
    ------
    ScanRejected
        If the file is empty, cut short or no image, holds colours or complex
        numbers, or does not say where left is.
    MemoryError, OSError, RuntimeError
        If the machine ran short, whatever the file is worth.
    """
    path = Path(path)
    if path.stat().st_size == 0:
        raise ScanRejected(f"{path}: is empty (0 bytes); copy or download it again")
    try:
        nifti = path.name.lower().endswith((".nii", ".nii.gz"))
        image = _read_nifti(path) if nifti else _read_itk(path)
    except ScanRejected:
        raise
    except Exception as failure:  # Readers raise anything on damaged files.
        if is_shortage(failure):
            raise
        raise ScanRejected(
            f"{path}: cannot be read as an image ({plain_reason(failure, path)}); "
            "copy or download it again, or take it out of the folder"
        ) from None
    if image.array.dtype.kind not in "iuf":
        kind = "complex numbers" if image.array.dtype.kind == "c" else "colours"
        raise ScanRejected(
            f"{path}: its voxels are {kind} instead of single numbers; give the CT itself"
        )
    return image


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
    try:
        content = zlib.decompress(Path(path).read_bytes(), wbits=31)
        image = _nifti_class(content).from_bytes(content)
        array = np.asarray(image.dataobj)
    except (zlib.error, EOFError, OSError, ValueError) as failure:
        raise SrnetError(f"{path}: damaged, {failure}; delete it and run again") from None
    steps = image.affine[:3, :3]
    if image.header["sform_code"] != _SCANNER or np.any(steps != np.diag(np.diag(steps))):
        raise SrnetError(
            f"{path}: was not written by this package; bring it in with `srnet prepare`, "
            "or through a source of the cohort"
        )
    return array.T, np.diag(steps), image.affine[:3, 3]


def _nifti_class(content: bytes) -> Any:
    """Return the class of nibabel for a file of this uncompressed content."""
    import nibabel

    return nibabel.Nifti2Image if content[:4] in _NIFTI2_HEADER else nibabel.Nifti1Image


def _read_nifti(path: Path) -> Image:
    """Read any NIfTI file, slope and intercept applied."""
    content = path.read_bytes()
    if path.name.lower().endswith(".gz") or content.startswith(_GZIP):
        content = gzip.decompress(content)
    kind = _nifti_class(content)
    # The header as written: on loading, an impossible voxel size is silently mended.
    size = kind.header_class.template_dtype.itemsize
    if len(content) < size:
        raise EOFError
    header = kind.header_class(content[:size], check=False)
    _check_nifti_header(header, path)
    image = kind.from_bytes(content)
    array = np.asarray(image.dataobj)
    if array.dtype == np.float64 and header.get_data_dtype() != np.float64:
        # A slope makes float64 of the stored integers, twice what HU need.
        array = array.astype(np.float32)
    spacing = tuple(float(step) for step in header["pixdim"][1:4])
    return Image(array, np.asarray(image.affine, dtype=float), spacing)


def _check_nifti_header(header: Any, path: Path) -> None:
    if header["magic"] != header.single_magic:
        raise ScanRejected(
            f"{path}: cannot be read as an image (its header is not that of a single NIfTI file); "
            "copy or download it again, or take it out of the folder"
        )
    if header["sform_code"] == 0 and header["qform_code"] == 0:
        raise ScanRejected(
            f"{path}: states no orientation (sform_code and qform_code are 0), so left and right "
            f"are unknown; {_ORIENT}"
        )
    start, first = float(header["vox_offset"]), header.single_vox_offset
    if not start >= first:
        raise ScanRejected(
            f"{path}: states that its voxels begin at byte {start:g}, within its own header; "
            f"write it again with vox_offset {first}"
        )


def _read_itk(path: Path) -> Image:
    """Read an NRRD, MHA or MHD file, trailing axes of length one dropped."""
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
    return Image(array, affine, image.GetSpacing())


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
        return  # It is no NRRD file, which the library says.
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
