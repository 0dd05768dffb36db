"""Readers of pictures (PNG, JPEG, TIFF) and of NIfTI projections.

`Pixels` is what the reader of every format returns, DICOM included. Checksums are compared and
streams are read to their end, since libraries show what they can of a damaged file.
"""

import math
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from srnet.clinical.findings import Finding, printed
from srnet.core.errors import SrnetError
from srnet.imaging.geometry import View
from srnet.imaging.stored_pixels import LARGEST_FILE, LARGEST_IMAGE
from srnet.imaging.xray import Grey

FORMATS = ("PNG", "JPEG", "JPEG2000", "TIFF", "BMP", "GIF", "WEBP", "PPM")
"""What Pillow may take a file for; others, such as PostScript, run programs or hold no film."""
GREY_MODES = ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
COLOURED_STEP = 0.15
"""Difference of two channels, as a share of full scale, above which a pixel is coloured.

The compression of a grey film as JPEG causes smaller differences."""
COLOURED_SHARE = 0.02
"""Share of coloured pixels above which a picture is a colour photograph."""
PIXEL_MM = (0.001, 100.0)
"""Smallest and largest distance of pixels that is believed."""
_PHOTOMETRIC = 262
"""Number of the TIFF tag that is 0 where white is stored as 0."""


@dataclass(frozen=True)
class Pixels:
    """An image as its file holds it.

    Attributes
    ----------
    grey
        (rows, columns) in [0, 1] as stored, bone bright as far as the file says; turned by a
        quarter where the file says that the patient lies on the side.
    spacing_mm
        Distance of rows and of columns in the plane of the spine, or None.
    aspect
        Distance of rows over distance of columns where `spacing_mm` is None.
    flip
        Whether rows and columns must be reversed to run from superior to
        inferior, and from right to left (AP) or anterior to posterior (lateral).
    transposed
        Whether rows and columns of the file were exchanged in `grey`.
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
    aspect: float = 1.0
    flip: tuple[bool, bool] = (False, False)
    transposed: bool = False
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
        If it cannot be decoded, is damaged, too large or in colour, or holds several pictures.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the limit of pixels is checked below
            with Image.open(path, formats=FORMATS) as image:
                _check_picture(path, view, image)
                array, text = _decode(image), getattr(image, "text", {})
    except UnidentifiedImageError:
        raise SrnetError(
            f"{path}: is no image that can be read; give DICOM, PNG, JPEG, TIFF or NIfTI"
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(path, "far more") from None
    grey = grey_of_colour(path, array) if array.ndim == 3 else _unit(array)
    return Pixels(grey, full_scale_hu_mm=_full_scale_hu_mm(path, text))


def read_projection(path: Path, view: View) -> Pixels:
    """Read a NIfTI file that holds one projection, not a volume.

    The affine tells how rows and columns run where the file has one, and an anteroposterior
    or left-right axis of length one. Otherwise the first axis is taken as columns and the
    second as rows, as SimpleITK writes pictures.

    Raises
    ------
    SrnetError
        If it does not hold exactly the pixels that its header claims, is a volume, or states two
        different orientations.
    """
    header, array = _read_nifti(path)
    shape = array.shape
    if sum(length > 1 for length in shape) != 2:
        raise SrnetError(
            f"{path}: has shape {shape}, which is no projection; "
            f"give the {printed(view)} x-ray as a picture with two axes"
        )
    to_mm = {1: 1000.0, 3: 0.001}.get(int(header["xyzt_units"]) & 7, 1.0)
    standing = len(shape) == 3 and shape[2] > 1
    if standing and (header["sform_code"] > 0 or header["qform_code"] > 0):
        return _oriented(path, view, array, _affine(path, header), to_mm)
    findings = []
    if standing:
        sentence = (
            f"The {printed(view)} file does not state which way is up: its first row is taken to "
            "be the top; write its true orientation if that is wrong."
        )
        findings.append(Finding("orientation", "warning", sentence))
    steps = header["pixdim"][1 : len(shape) + 1]
    spacing = [float(step) * to_mm for step, n in zip(steps, shape, strict=True) if n > 1]
    return _projection(view, np.squeeze(array).T, (spacing[1], spacing[0]), findings)


def grey_of_colour(path: Path, array: NDArray[Any], white: float | None = None) -> Grey:
    """Return the grey picture, in [0, 1], of an array (rows, columns, channels).

    Parameters
    ----------
    path
        The file, for messages.
    array
        Grey and opacity, or red, green, blue and possibly opacity.
    white
        The largest value of a channel, where it is not that of the array's type.

    Raises
    ------
    SrnetError
        If more than a few pixels are coloured, as in a photograph.
    """
    if array.shape[2] < 3:  # grey and opacity
        return _unit(array[:, :, 0])
    channels = array[:, :, :3].astype(np.float32) / np.float32(white or _full_scale(array))
    spread = channels.max(axis=2) - channels.min(axis=2)
    share = float((spread > COLOURED_STEP).mean())
    if share > COLOURED_SHARE:
        raise SrnetError(
            f"{path}: {share:.0%} of the pixels are coloured; give the x-ray film itself, "
            "exported in grey, not a photograph of it"
        )
    return np.asarray(channels.mean(axis=2), np.float32)


def refuse_large(path: Path, columns: int, rows: int) -> None:
    """Raise `SrnetError` for a picture that claims more pixels than any film has."""
    if columns * rows > LARGEST_IMAGE:
        raise _too_large(path, f"{columns} x {rows}")


def _too_large(path: Path, claimed: str) -> SrnetError:
    return SrnetError(
        f"{path}: its header claims {claimed} pixels, and at most {LARGEST_IMAGE} are read; "
        "give the film at a lower resolution, or copy the file again"
    )


def _check_picture(path: Path, view: View, image: Image.Image) -> None:
    """Refuse a picture that is too large, one of several, or damaged, before it is decoded."""
    refuse_large(path, *image.size)
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise SrnetError(f"{path}: holds {frames} pictures; save the {printed(view)} film alone")
    whole = True
    if image.format == "PNG":
        whole = _is_whole_png(path.read_bytes(), 8 * (image.width + 1) * (image.height + 8))
    elif image.format in ("JPEG", "MPO"):
        # The end of an image follows its last scan; neither mark can occur within a scan.
        content = path.read_bytes()
        whole = content.rfind(b"\xff\xd9") > content.rfind(b"\xff\xda")
    if not whole:
        raise SrnetError(
            f"{path}: cannot be decoded, since it is damaged or was cut short; export it again, "
            "or copy it again"
        )


def _is_whole_png(content: bytes, most: int) -> bool:
    """Tell whether all checksums agree, and pixels of at most so many bytes have an end."""
    place, kind, ended = 8, b"", False
    stream = zlib.decompressobj()
    while kind != b"IEND":
        length = int.from_bytes(content[place : place + 4], "big")
        end = place + 12 + length
        kind, data = content[place + 4 : place + 8], content[place + 8 : end - 4]
        checksum = zlib.crc32(data, zlib.crc32(kind)).to_bytes(4, "big")
        if len(kind) < 4 or content[end - 4 : end] != checksum:
            return False
        try:
            while kind == b"IDAT" and data and not stream.eof and most >= 0:
                most -= len(stream.decompress(data, 1 << 20))
                data = stream.unconsumed_tail
        except zlib.error:
            return False
        ended = ended or stream.eof
        place = end
    return ended and most >= 0


def _decode(image: Image.Image) -> NDArray[Any]:
    """Return the pixels as a viewer shows them, (rows, columns) or (rows, columns, channels)."""
    inverted = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0
    upright = ImageOps.exif_transpose(image)
    if upright.mode not in (*GREY_MODES, "RGB", "RGBA", "RGBX"):
        upright = upright.convert("RGB")
    array = np.asarray(upright)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    # Of 16-bit pictures whose white is 0, Pillow shows the negative.
    return np.iinfo(np.uint16).max - array if inverted and array.dtype == np.uint16 else array


def _full_scale_hu_mm(path: Path, text: dict[str, str]) -> float:
    stated = text.get("full_scale_hu_mm", "0")
    try:
        scale = float(stated)
    except ValueError:
        scale = math.nan
    if not 0 <= scale < 1e9:
        raise SrnetError(
            f"{path}: its text full_scale_hu_mm is no line integral in HU mm; "
            "make the x-ray again, or copy it again"
        )
    return scale


def _read_nifti(path: Path) -> tuple[Any, NDArray[Any]]:
    """Return the header and the scaled pixels of a file that holds exactly what it claims."""
    import nibabel

    content = _unpacked(path)
    second = content[:4] in ((540).to_bytes(4, "little"), (540).to_bytes(4, "big"))
    kind: Any = nibabel.Nifti2Header if second else nibabel.Nifti1Header
    size = kind.template_dtype.itemsize
    header = kind(content[:size], check=False) if len(content) >= size else None
    if header is None or header["magic"] != kind.single_magic:
        raise SrnetError(f"{path}: cannot be read as NIfTI; write it again as one file")
    shape = tuple(int(n) for n in header.get_data_shape())
    dtype, start = header.get_data_dtype(), float(header["vox_offset"])
    if dtype.kind not in "iuf":
        raise SrnetError(f"{path}: its pixels are no single numbers; write it again in grey")
    if not shape or min(shape) < 1 or not kind.single_vox_offset <= start <= len(content):
        raise SrnetError(f"{path}: its header is damaged; copy or write it again")
    count = math.prod(shape)
    refuse_large(path, count, 1)
    held, claimed = len(content) - int(start), count * dtype.itemsize
    if held != claimed:
        raise SrnetError(
            f"{path}: holds {held} bytes of pixels where its header claims {claimed}; the file "
            "was cut short or its header is damaged, so copy or write it again"
        )
    array = np.frombuffer(content, dtype, count, offset=int(start)).reshape(shape, order="F")
    slope, intercept = header.get_slope_inter()
    if slope is None or (slope == 1 and not intercept):
        return header, array.astype(dtype.newbyteorder("="))
    return header, array * np.float64(slope) + np.float64(intercept or 0)


def _unpacked(path: Path) -> bytes:
    """Return the content of a file, unpacked to the end of its last stream if it is packed."""
    if path.stat().st_size > LARGEST_FILE:
        raise SrnetError(f"{path}: is larger than 1 GiB, which no x-ray film is; write it again")
    packed, content = path.read_bytes(), bytearray()
    if not packed.startswith(b"\x1f\x8b"):
        return packed
    # Zeros fill the last block of a tape.
    while packed.strip(b"\0"):
        stream = zlib.decompressobj(31)
        while not stream.eof:
            try:
                content += stream.decompress(packed, 1 << 24)
            except zlib.error as failure:
                raise _damaged(path, str(failure)) from None
            if len(content) > LARGEST_FILE // 2:
                raise SrnetError(
                    f"{path}: unpacks to more than 512 MiB, as no film does; write it again"
                )
            packed = stream.unconsumed_tail
            if not packed and not stream.eof:
                raise _damaged(path, "it ends too early")
        packed = stream.unused_data
    return bytes(content)


def _damaged(path: Path, reason: str) -> SrnetError:
    return SrnetError(f"{path}: cannot be read as NIfTI ({reason}); copy or write it again")


def _affine(path: Path, header: Any) -> NDArray[np.float64]:
    """Return the matrix from indices to RAS, refusing two that turn the picture differently."""
    import nibabel

    forms: list[NDArray[np.float64]] = []
    if header["sform_code"] > 0:
        forms.append(np.asarray(header.get_sform(), np.float64))
    if header["qform_code"] > 0:
        forms.append(np.asarray(header.get_qform(), np.float64))
    axes = []
    for form in forms:
        if not np.isfinite(form).all() or abs(np.linalg.det(form[:3, :3])) < 1e-12:
            raise SrnetError(f"{path}: its affine makes no sense; write it again")
        axes.append(nibabel.aff2axcodes(form))
    if len(set(axes)) > 1:
        raise SrnetError(
            f"{path}: its sform and its qform turn the picture differently, and programs take the "
            "one or the other; write the true orientation into both"
        )
    return forms[0]


def _oriented(
    path: Path, view: View, array: NDArray[Any], affine: NDArray[np.float64], to_mm: float
) -> Pixels:
    """Return the pixels of a projection in RAS+ with one axis of length one."""
    import nibabel

    image: Any = nibabel.as_closest_canonical(
        nibabel.Nifti1Image(array, affine, dtype=array.dtype)
    )
    zooms = [float(z) * to_mm for z in nibabel.affines.voxel_sizes(image.affine)]
    if image.shape[2] == 1:
        raise SrnetError(
            f"{path}: its affine says that it looks along the body; "
            f"give the {printed(view)} x-ray, or write the true orientation"
        )
    across = 1 if image.shape[0] == 1 else 0
    return _projection(
        view,
        np.squeeze(np.asarray(image.dataobj)).T,
        (zooms[2], zooms[across]),
        [],
        flip=(True, True),
        claimed_view="lateral" if across == 1 else "AP",
    )


def _projection(
    view: View,
    array: NDArray[Any],
    spacing_mm: tuple[float, float],
    findings: list[Finding],
    **how: Any,
) -> Pixels:
    """Return the pixels of a projection; a spacing that makes no sense counts as unknown."""
    low, high = PIXEL_MM
    if low <= min(spacing_mm) and max(spacing_mm) <= high:
        return Pixels(_unit(array), spacing_mm, findings=tuple(findings), **how)
    sentence = (
        f"The {printed(view)} file states a pixel spacing that makes no sense, which was left out "
        "of account; give --spacing in mm."
    )
    findings = [*findings, Finding("spacing", "warning", sentence)]
    return Pixels(_unit(array), findings=tuple(findings), **how)


def _unit(array: NDArray[Any]) -> Grey:
    """Return values in [0, 1] by the range of an unsigned type, or else by their own range."""
    if array.dtype in (np.uint8, np.uint16, np.bool_):
        return array.astype(np.float32) / np.float32(_full_scale(array))
    grey: NDArray[Any] = array.astype(np.float32 if array.dtype.itemsize <= 2 else np.float64)
    finite = grey[np.isfinite(grey)]
    if finite.size == 0:
        return grey.astype(np.float32)
    grey = grey - min(float(finite.min()), 0.0)
    return np.asarray(grey / max(float(np.nanmax(grey)), 1e-12), np.float32)


def _full_scale(array: NDArray[Any]) -> float:
    if array.dtype == np.bool_:
        return 1.0
    return float(np.iinfo(array.dtype).max) if array.dtype.kind == "u" else float(array.max())
