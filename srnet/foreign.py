"""Image files of anyone's making, read by general libraries, and what these say of bad ones.

`srnet.volume.import_image` is the way in. What a file does not say (where left is, where
its voxels begin) is refused here: libraries guess, and they guess differently.
"""

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from srnet.errors import ScanRejected

__all__ = ["ForeignImage", "plain_reason", "read_general_nifti", "read_itk"]

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
    """An image as its file holds it: what `srnet.volume.Image` holds, in its order."""

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
