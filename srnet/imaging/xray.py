"""One x-ray image, synthetic or real, and its PNG file.

Rows run from superior to inferior. Columns of an AP view run from patient
right to left, columns of a lateral view from anterior to posterior: exactly
the axes of a volume (see `srnet.volume`) seen along one of them. Bone is
bright.

Gamma correction of an x-ray image, equations 19 and 20 of the paper.

Pictures at another size or brightness.
"""

import math
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from srnet.core.atomic import atomic_path
from srnet.core.errors import SrnetError
from srnet.core.rejection import is_shortage, raise_if_rejected
from srnet.core.stamp import record_id

Grey = NDArray[np.float32]
"""A grey picture, (rows, columns)."""

LEVELS = 65535
"""Grey levels of a stored x-ray: 16 bit."""

LARGEST = 8192
"""Pixels along either edge of a stored x-ray; networks see at most 128."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Xray:
    """Grey values and the line integral that white stands for.

    Attributes
    ----------
    grey
        float32 (rows, columns) in [0, 1], bone bright, 0 where a ray meets none.
    full_scale_hu_mm
        Line integral of `clip(HU + 1024, 0, 2500)` over bone, in HU mm, at grey
        1; 0 where it is unknown, as on a film.
    """

    grey: NDArray[np.float32]
    full_scale_hu_mm: float

    @property
    def integral_hu_mm(self) -> NDArray[np.float32]:
        """Return the line integrals, (rows, columns), in HU mm."""
        return self.grey * np.float32(self.full_scale_hu_mm)


def write_xray(path: str | Path, xray: Xray) -> None:
    """Write `xray` as a 16-bit grey PNG with its scale in a text chunk."""
    text = PngInfo()
    text.add_text("full_scale_hu_mm", repr(float(xray.full_scale_hu_mm)))
    text.add_text("record", record_id())
    levels = np.round(np.clip(xray.grey, 0, 1) * LEVELS).astype(np.uint16)
    with atomic_path(path) as partial:
        Image.fromarray(levels).save(partial, format="PNG", pnginfo=text)


def read_xray(path: str | Path) -> Xray:
    """Read an x-ray that `write_xray` wrote.

    Raises
    ------
    ScanRejected
        If the file is the tombstone of a rejected scan.
    SrnetError
        If the file is missing, damaged, or not of this package's making.
    """
    try:
        raise_if_rejected(path)
        content = Path(path).read_bytes()
        _check_png(content)
        with Image.open(BytesIO(content)) as image:
            levels = np.asarray(image, dtype=np.float32)
            scale = float(image.text["full_scale_hu_mm"])  # type: ignore[attr-defined]
        if not 0 <= scale < math.inf:
            raise ValueError(f"white stands for {scale} HU mm")
    except SrnetError:
        raise
    except Exception as failure:
        # Pillow raises nearly any of Python's errors at damaged files.
        if is_shortage(failure):
            raise
        reason = "it does not state full_scale_hu_mm" if isinstance(failure, KeyError) else failure
        raise SrnetError(
            f"{path}: cannot be read as an x-ray of this package ({reason}); make it again"
        ) from None
    return Xray(levels / np.float32(LEVELS), scale)


def _check_png(content: bytes) -> None:
    """Refuse anything but a whole 16-bit grey PNG, since Pillow passes over much damage.

    Raises
    ------
    ValueError
        Saying what is wrong with the bytes.
    """
    if not content.startswith(_SIGNATURE):
        raise ValueError("it is no PNG")
    at, chunks, packed = len(_SIGNATURE), list[bytes](), b""
    while at < len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if at + 12 + length > len(content):
            raise ValueError("it ends too early")
        body = content[at + 8 : at + 8 + length]
        if struct.unpack_from(">I", content, at + 8 + length)[0] != zlib.crc32(kind + body):
            raise ValueError(f"its part {kind!r} is damaged")
        chunks.append(kind)
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    columns, rows, *layout = struct.unpack_from(">IIBBBBB", content, 16)
    if chunks[0] != b"IHDR" or chunks[-1] != b"IEND" or layout != [16, 0, 0, 0, 0]:
        raise ValueError("it is not a 16-bit grey PNG from begin to end")
    if not 0 < max(rows, columns) <= LARGEST:
        raise ValueError(f"it claims {columns} x {rows} pixels, and x-rays have at most {LARGEST}")
    stream, size = zlib.decompressobj(), rows * (1 + 2 * columns)
    if len(stream.decompress(packed, size + 1)) != size or not stream.eof or stream.unused_data:
        raise ValueError(f"it does not hold the {columns} x {rows} pixels that it claims")


TARGET_MEAN = 0.01
"""Grey level onto which equation 20 maps the mean of the image."""


def gamma_of_mean(mean: float) -> float:
    """Return the exponent of equation 20, log 0.01 / log(m / 255).

    Parameters
    ----------
    mean
        Mean grey of the image in [0, 1], the paper's m / 255.

    Returns
    -------
    The exponent; 1, which changes nothing, for an empty image (mean 0) and a
    saturated one (mean 1), for which equation 20 has no finite value above 0.
    """
    if not 0 < mean < 1:
        return 1.0
    return math.log10(TARGET_MEAN) / math.log10(mean)


def correct_gamma(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `grey ** gamma`, equation 19 with A = 1, of an image in [0, 1].

    Parameters
    ----------
    grey
        One image (rows, columns); values outside [0, 1] are clipped.
    """
    inside = np.clip(grey, 0, 1)
    gamma = gamma_of_mean(float(inside.mean(dtype=np.float64)))
    return (inside ** np.float32(gamma)).astype(np.float32)


def resize(grey: Grey, shape: tuple[int, int]) -> Grey:
    """Return the picture at another size, low-passed where it shrinks."""
    if grey.shape == shape:
        return grey
    from skimage.transform import resize as skimage_resize

    # Blocks first: the Gaussian for a large film would be as large as the film is.
    small = shrink(grey, min(n // (2 * m) for n, m in zip(grey.shape, shape, strict=True)))
    return np.asarray(
        skimage_resize(small, shape, order=1, anti_aliasing=True, mode="edge"), np.float32
    )


def shrink(grey: Grey, factor: int) -> Grey:
    """Return means of blocks of `factor` pixels a side; what does not fill a block is cut."""
    if factor <= 1:
        return grey
    rows, columns = (n // factor for n in grey.shape)
    inside = grey[: rows * factor, : columns * factor]
    return np.asarray(inside.reshape(rows, factor, columns, factor).mean(axis=(1, 3)), np.float32)


def normalise(grey: Grey) -> Grey:
    """Return the picture divided by its own maximum, as the training x-rays are."""
    top = float(grey.max())
    return grey / np.float32(top) if top > 0 else grey
