"""Image files of anyone's making: NIfTI, NRRD, MHA and MHD.

What a file does not say (where left is, where its voxels begin) is refused, since libraries guess
it, and guess differently. What it says twice must agree, and its voxels must be all there.
"""

from collections.abc import Callable
from pathlib import Path

from srnet.core.errors import ScanRejected
from srnet.core.rejection import is_shortage
from srnet.imaging.image import Image, plain_reason
from srnet.imaging.nifti import ORIENT, import_nifti
from srnet.imaging.nrrd_mha import import_meta_image, import_nrrd

READERS: dict[str, Callable[[Path], Image]] = {
    ".nii": import_nifti,
    ".nii.gz": import_nifti,
    ".nrrd": import_nrrd,
    ".mha": import_meta_image,
    ".mhd": import_meta_image,
}
"""The reader of each suffix."""


def import_image(path: str | Path) -> Image:
    """Read a NIfTI, NRRD, MHA or MHD file of anyone's making.

    Raises
    ------
    ScanRejected
        If the file is empty, cut short, damaged or no such image, holds colours or complex
        numbers, contradicts itself, or does not say where left is.
    MemoryError, OSError, RuntimeError
        If the machine ran short, whatever the file is worth.
    """
    path = Path(path)
    if path.stat().st_size == 0:
        raise ScanRejected(f"{path}: is empty (0 bytes); copy or download it again")
    reader = next((READERS[s] for s in READERS if path.name.lower().endswith(s)), None)
    if reader is None:
        raise ScanRejected(
            f"{path}: is none of {', '.join('*' + s for s in READERS)} and no DICOM file; many "
            f"other formats state no orientation, so {ORIENT}"
        )
    try:
        image = reader(path)
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
