"""An image as its file holds it, and the bytes of its voxels, verified to their end.

Libraries read what they can of a damaged file: a compressed stream whose checksum is wrong, or a
file that is longer than its header says, comes back as some other image. Here the voxels fill
exactly the bytes that the header claims, and every checksum is compared.
"""

import bz2
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from srnet.core.errors import ScanRejected

Packing = Literal["raw", "zlib", "gzip", "bzip2"]

MM = {
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 10.0),
    **dict.fromkeys(("m", "meter", "metre"), 1000.0),
    **dict.fromkeys(("um", "µm", "micron", "micrometer", "micrometre"), 0.001),
}
"""Length of the units that headers name, in mm."""

_DENSEST = 1032
"""Bytes that deflate can make of one."""
LARGE = 1 << 30
DENSEST_LARGE = 100
"""No scan of more than 1 GiB is packed as densely as files made to exhaust memory or disk."""
_BLOCK = {"raw": 1 << 16, "zlib": 1 << 16, "gzip": 1 << 16, "bzip2": 1 << 10}
"""Bytes to unpack at a time, which become at most some 60 MiB."""
_COPY = "copy or download it again"


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


def read_voxels(
    path: Path,
    shape: tuple[int, ...],
    dtype: Any,
    start: int,
    packing: Packing = "raw",
    packed_header: int = 0,
) -> NDArray[Any]:
    """Return the voxels of a file whose header claims this shape, the first axis fastest.

    Parameters
    ----------
    path
        The file that holds them, up to its end.
    shape, dtype
        What the header claims.
    start
        First byte of the voxels, or of the stream that they are packed into.
    packing
        How they are packed.
    packed_header
        Bytes of a header that is packed in front of them.

    Raises
    ------
    ScanRejected
        If the file holds fewer or more bytes than claimed, if its stream is damaged, or if it
        claims more than it can hold.
    """
    dtype = np.dtype(dtype)
    count = math.prod(shape)
    if not shape or min(shape) < 1:
        raise ScanRejected(
            f"{path}: its header claims {'x'.join(map(str, shape))} voxels; {_COPY}"
        )
    if packing == "raw":
        _refuse_unequal(path, path.stat().st_size - start, count * dtype.itemsize)
        found = np.fromfile(path, dtype, count, offset=start)
    else:
        check_claim(path, count, count * dtype.itemsize)
        content = _unpack(path, start, packing, packed_header + count * dtype.itemsize)
        found = np.frombuffer(content, dtype, count, offset=packed_header)
    return found.reshape(shape, order="F")


def _refuse_unequal(path: Path, held: int, claimed: int) -> None:
    """Raise `ScanRejected` unless a file holds as many bytes of voxels as its header claims."""
    if held != claimed:
        raise ScanRejected(
            f"{path}: holds {max(held, 0)} bytes of voxels where its header claims {claimed}; "
            f"the file was cut short or its header is damaged, so {_COPY}"
        )


def check_claim(path: Path, count: int, claimed: int) -> None:
    """Refuse a damaged size, which would look like a lack of memory.

    Parameters
    ----------
    path
        The file that they are packed into.
    count, claimed
        Voxels and bytes that its header claims.
    """
    size = path.stat().st_size
    if claimed > _DENSEST * size:
        raise ScanRejected(
            f"{path}: its header claims {count:.3g} voxels, more than {size} bytes can hold; "
            f"{_COPY}"
        )
    if claimed > max(LARGE, DENSEST_LARGE * size):
        raise ScanRejected(
            f"{path}: its header claims {claimed / 2**30:.1f} GiB of voxels, packed into "
            f"{size / 2**20:.1f} MiB, which no scan can be; {_COPY}"
        )


def _unpack(path: Path, start: int, packing: Packing, size: int) -> bytearray:
    """Return the `size` bytes that the rest of a file from byte `start` on unpacks to."""
    content, filled, block = bytearray(size), 0, _BLOCK[packing]
    packed = memoryview(path.read_bytes())[start:]
    while True:
        stream: Any = bz2.BZ2Decompressor() if packing == "bzip2" else zlib.decompressobj(47)
        at = 0
        while not stream.eof:
            if at >= len(packed):
                raise EOFError
            part = stream.decompress(packed[at : at + block])
            at += block
            if filled + len(part) > size:
                raise ScanRejected(
                    f"{path}: unpacks to more than the {size} bytes that its header claims; the "
                    f"header is damaged, so {_COPY}"
                )
            content[filled : filled + len(part)] = part
            filled += len(part)
        packed = packed[max(0, min(at, len(packed)) - len(stream.unused_data)) :]
        # Several streams may follow each other, and zeros fill the last block of a tape.
        if packing != "gzip" or not any(packed[:block]):
            break
    if any(packed):
        raise ScanRejected(f"{path}: holds {len(packed)} bytes after its voxels; {_COPY}")
    _refuse_unequal(path, filled, size)
    return content


def plain_reason(failure: Exception, path: Path) -> str:
    """Return what a library says of a bad file: equal for equal files, on every machine."""
    if isinstance(failure, EOFError):
        return "it ends too early, as after a broken download"
    if isinstance(failure, zlib.error) or (isinstance(failure, OSError) and not failure.errno):
        return "its compressed voxels are damaged"
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
