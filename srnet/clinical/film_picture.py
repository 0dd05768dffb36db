"""Readers of pictures (PNG, JPEG, TIFF) and of NIfTI projections.

`Pixels` is what the reader of every format returns, DICOM included.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from srnet.clinical.findings import Finding, printed
from srnet.core.errors import SrnetError
from srnet.imaging.geometry import View
from srnet.imaging.xray import Grey

COLOURED_STEP = 0.15
"""Difference of two channels, as a share of full scale, above which a pixel is coloured.

The compression of a grey film as JPEG causes smaller differences."""
COLOURED_SHARE = 0.02
"""Share of coloured pixels above which a picture is a colour photograph."""


@dataclass(frozen=True)
class Pixels:
    """An image as its file holds it.

    Attributes
    ----------
    grey
        (rows, columns) in [0, 1] as stored, bone bright as far as the file says.
    spacing_mm
        Distance of rows and of columns in the plane of the spine, or None.
    flip
        Whether rows and columns must be reversed to run from superior to
        inferior, and from right to left (AP) or anterior to posterior (lateral).
    claimed_view
        The view that the file claims: AP, PA, LL, RL or lateral; '' if it claims none.
    full_scale_hu_mm
        Line integral at grey 1 where the image is a DRR of this package, else 0.
    patient_key, study_key
        Digests that tell two patients or studies apart; kept in memory only.
    findings
        What the reader has to say.
    """

    grey: Grey
    spacing_mm: tuple[float, float] | None = None
    flip: tuple[bool, bool] = (False, False)
    claimed_view: str = ""
    full_scale_hu_mm: float = 0.0
    patient_key: str = ""
    study_key: str = ""
    findings: tuple[Finding, ...] = ()


def read_picture(path: Path, view: View) -> Pixels:
    """Read a PNG, JPEG or TIFF file of 8 or 16 bit.

    The spacing stays unknown, since the resolution written in such files is that of a screen
    or a printer.

    Raises
    ------
    SrnetError
        If it cannot be decoded, is in colour or holds several pictures.
    """
    try:
        with Image.open(path) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise SrnetError(
                    f"{path}: holds {image.n_frames} pictures; save the {printed(view)} film alone"  # type: ignore[attr-defined]
                )
            upright = ImageOps.exif_transpose(image)
            if upright.mode in {"P", "1", "CMYK", "YCbCr", "PA"}:
                upright = upright.convert("RGB")
            array = np.asarray(upright)
            text = getattr(image, "text", {})
    except UnidentifiedImageError:
        raise SrnetError(
            f"{path}: is no image that can be read; give DICOM, PNG, JPEG, TIFF or NIfTI"
        ) from None
    except (OSError, Image.DecompressionBombError) as failure:
        raise SrnetError(f"{path}: cannot be decoded ({failure}); export it again") from None
    grey = grey_of_colour(path, array) if array.ndim == 3 else _unit(array)
    return Pixels(grey, full_scale_hu_mm=float(text.get("full_scale_hu_mm", 0)))


def read_projection(path: Path, view: View) -> Pixels:
    """Read a NIfTI file that holds one projection, not a volume.

    The affine tells how rows and columns run where the file has one, and an anteroposterior
    or left-right axis of length one. Otherwise the first axis is taken as columns and the
    second as rows, as SimpleITK writes pictures.
    """
    import nibabel

    try:
        image: Any = nibabel.Nifti1Image.from_filename(str(path))
        shape = image.shape
        if sum(length > 1 for length in shape) != 2:
            raise SrnetError(
                f"{path}: has shape {shape}, which is no projection; "
                f"give the {printed(view)} x-ray as a picture with two axes"
            )
        if len(shape) == 3 and shape[2] > 1 and int(image.header["sform_code"]) > 0:
            return _oriented(nibabel.as_closest_canonical(image))
        array = np.squeeze(np.asarray(image.dataobj)).T
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError) as failure:
        raise SrnetError(f"{path}: cannot be read as NIfTI ({failure}); write it again") from None
    spacing = [float(z) for z, n in zip(image.header.get_zooms(), shape, strict=True) if n > 1]
    return Pixels(_unit(array), (spacing[1], spacing[0]))


def _oriented(image: Any) -> Pixels:
    """Return the pixels of a projection in RAS+ with one axis of length one."""
    zooms = [float(z) for z in image.header.get_zooms()]
    across = 1 if image.shape[0] == 1 else 0
    array = np.squeeze(np.asarray(image.dataobj)).T
    claimed = "lateral" if across == 1 else "AP"
    spacing = (zooms[2], zooms[across])
    return Pixels(_unit(array), spacing, flip=(True, True), claimed_view=claimed)


def grey_of_colour(path: Path, array: NDArray[Any]) -> Grey:
    """Return the grey picture, in [0, 1], of an array (rows, columns, channels).

    Raises
    ------
    SrnetError
        If more than a few pixels are coloured, as in a photograph.
    """
    if array.shape[2] < 3:  # grey and opacity
        return _unit(array[:, :, 0])
    channels = array[:, :, :3].astype(np.float32) / np.float32(_full_scale(array))
    spread = channels.max(axis=2) - channels.min(axis=2)
    share = float((spread > COLOURED_STEP).mean())
    if share > COLOURED_SHARE:
        raise SrnetError(
            f"{path}: {share:.0%} of the pixels are coloured; give the x-ray film itself, "
            "exported in grey, not a photograph of it"
        )
    return np.asarray(channels.mean(axis=2), np.float32)


def _unit(array: NDArray[Any]) -> Grey:
    """Return values in [0, 1] by the range of an unsigned type, or else by their own range."""
    grey = array.astype(np.float32)
    if array.dtype in (np.uint8, np.uint16, np.bool_):
        return grey / np.float32(_full_scale(array))
    finite = grey[np.isfinite(grey)]
    if finite.size == 0:
        return grey
    grey = grey - min(float(finite.min()), 0.0)
    return grey / np.float32(max(float(np.nanmax(grey)), 1e-12))


def _full_scale(array: NDArray[Any]) -> float:
    if array.dtype == np.bool_:
        return 1.0
    return float(np.iinfo(array.dtype).max) if array.dtype.kind == "u" else float(array.max())
