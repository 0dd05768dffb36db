"""A DICOM file with one image: its tags, and its pixels as stored, before any look-up table.

pydicom decodes the pixels where it has a plug-in. JPEG Lossless and JPEG-LS, in which archives
keep radiographs, are left to SimpleITK, which is given a copy that holds nothing of the patient
and none of the tags by which it would change the values.
"""

import logging
import math
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.core.errors import SrnetError
from srnet.core.rejection import is_shortage

LARGEST_IMAGE = 1 << 26
"""Pixels of a picture or of a frame, 8192 x 8192: more than any detector or film scanner has."""
LARGEST_FILE = 1 << 30
"""Bytes of a file, and of what a deflated file unpacks to."""
_LARGEST_PACKED = 1 << 29
"""Numbers that compressed pixels of all frames may unpack to."""
_BITS = (1, 8, 16, 32)
_KEPT = (
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PlanarConfiguration"),
    *(
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "PhotometricInterpretation",
    ),
)
"""The tags that decide how pixels are decoded."""
_EXPORT = "export the image again"


def read_dataset(path: Path) -> Any:
    """Return the pydicom dataset of a file, read whole.

    Raises
    ------
    SrnetError
        If the file is no DICOM file, is damaged, or claims or unpacks to more than 1 GiB.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    if path.stat().st_size > LARGEST_FILE:
        raise SrnetError(f"{path}: is larger than 1 GiB, which no x-ray film is; {_EXPORT}")
    content = path.read_bytes()
    try:
        with quiet_pydicom():
            _check_deflated(path, content)
            try:
                # From memory, where a length that the file cannot hold asks for no memory.
                tags = pydicom.dcmread(BytesIO(content))
            except InvalidDicomError:
                tags = pydicom.dcmread(BytesIO(content), force=True)
                if "Rows" not in tags:
                    raise SrnetError(f"{path}: is no DICOM file; export the film again") from None
            meta = tags.file_meta
            if "TransferSyntaxUID" not in meta:
                meta.TransferSyntaxUID = _plain_syntax(*tags.original_encoding)
            return tags
    except SrnetError:
        raise
    except Exception as failure:  # pydicom raises many kinds of errors on damaged files.
        if is_shortage(failure):
            raise
        raise SrnetError(
            f"{path}: cannot be read as DICOM ({type(failure).__name__}); copy the file again, "
            "or export the film again"
        ) from None


def stored_pixels(tags: Any, path: Path) -> NDArray[Any]:
    """Return the pixels of a dataset as stored, exactly as many as its header claims.

    Parameters
    ----------
    tags
        A pydicom dataset with its `file_meta`.
    path
        The file it is from, for messages.

    Returns
    -------
    Integers (rows, columns), with an axis of frames in front where there are several, and one of
    samples at the end where pixels have three; colours as RGB.

    Raises
    ------
    SrnetError
        Naming the file, if a tag that decides the values is missing or makes no sense, if the
        pixels are more or fewer than claimed, or cannot be decoded.
    """
    shape, bits = _layout(tags, path)
    try:
        with quiet_pydicom(), warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            syntax = tags.file_meta.TransferSyntaxUID
            packed = bool(syntax.is_encapsulated)
            _check_claim(tags, path, shape, bits, packed=packed)
            by_itk = packed and not _has_plugin(syntax, int(tags.BitsStored))
            array = _decode_by_itk(tags) if by_itk else _decode_by_pydicom(tags)
            _check_decoded(said)
    except SrnetError:
        raise
    except Exception as failure:  # Decoders raise many kinds of errors.
        if is_shortage(failure):
            raise
        reason = str(failure).strip().splitlines()[-1:] or [type(failure).__name__]
        raise SrnetError(
            f"{path}: its pixels cannot be decoded ({reason[0].strip()[:200]}); "
            "export it uncompressed"
        ) from None
    if array.shape != shape:
        found, claimed = ("x".join(map(str, s)) for s in (array.shape, shape))
        raise SrnetError(
            f"{path}: unpacks to {found} pixels where its header claims {claimed}; {_EXPORT}"
        )
    unused = 8 * array.dtype.itemsize - int(tags.BitsStored)
    if array.dtype.kind == "i" and unused > 0:
        # The sign is the highest bit stored, and some devices leave the bits above it empty.
        return np.asarray(array << unused >> unused)
    return array


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Silence pydicom inside the block: what it says of odd tags may quote those of a patient."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def whole_number(
    tags: Any, name: str, path: Path, allowed: range, default: int | None = None
) -> int:
    """Return a tag that must be one whole number.

    Raises
    ------
    SrnetError
        Naming the tag, if it is missing and has no default, or is anything else.
    """
    try:
        value = tags.get(name)
        found = default if value is None or value == "" else int(value)
        sensible = found is not None and found in allowed and (value is None or found == value)
    except (TypeError, ValueError, OverflowError):
        sensible = False
    if not sensible or found is None:
        raise SrnetError(
            f"{path}: its tag {name} is missing or makes no sense, and without it the pixels "
            f"cannot be understood; {_EXPORT}"
        )
    return found


def _layout(tags: Any, path: Path) -> tuple[tuple[int, ...], int]:
    """Return the shape of the pixels and the bits of each, checked tag by tag."""
    rows, columns = (whole_number(tags, n, path, range(1, 65536)) for n in ("Rows", "Columns"))
    frames = whole_number(tags, "NumberOfFrames", path, range(1, 1 << 24), 1)
    samples = whole_number(tags, "SamplesPerPixel", path, range(1, 4), 1)
    bits = whole_number(tags, "BitsAllocated", path, range(1, 33))
    stored = whole_number(tags, "BitsStored", path, range(1, bits + 1))
    whole_number(tags, "HighBit", path, range(stored - 1, stored), stored - 1)
    whole_number(tags, "PixelRepresentation", path, range(2))
    if samples > 1:
        whole_number(tags, "PlanarConfiguration", path, range(2))
    if bits not in _BITS or samples == 2:
        raise SrnetError(
            f"{path}: has {samples} samples of {bits} bits a pixel, which no radiograph has; "
            f"{_EXPORT}"
        )
    shape = (rows, columns, samples) if samples > 1 else (rows, columns)
    return ((frames, *shape) if frames > 1 else shape), bits


def _check_claim(tags: Any, path: Path, shape: tuple[int, ...], bits: int, packed: bool) -> None:
    """Refuse pixels that are not as long as claimed, or a claim beyond any image."""
    rows, columns = int(tags.Rows), int(tags.Columns)
    count, held = math.prod(shape), len(tags.PixelData)
    if packed:
        if rows * columns > LARGEST_IMAGE or count > _LARGEST_PACKED:
            raise SrnetError(
                f"{path}: its header claims {columns} x {rows} pixels, and at most "
                f"{LARGEST_IMAGE} are read of a compressed image; {_EXPORT}"
            )
        return
    claimed = -(-count * bits // 8)
    if str(tags.get("PhotometricInterpretation")) == "YBR_FULL_422":
        claimed = claimed * 2 // 3
    if held not in (claimed, claimed + claimed % 2):
        raise SrnetError(
            f"{path}: holds {held} bytes of pixels where its header claims {claimed}; the file "
            "was cut short or its header is damaged, so copy it again"
        )


def _check_deflated(path: Path, content: bytes) -> None:
    """Refuse a deflated file that unpacks to more than any image, before it is unpacked."""
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    if content[128:132] != b"DICM":
        return
    meta = read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        # Preamble, magic number, and the element that states the length of the rest.
        start = 128 + 4 + 12 + int(meta.FileMetaInformationGroupLength)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        size, rest = 0, content[start:]
        while rest and size <= LARGEST_FILE:
            size += len(inflater.decompress(rest, 1 << 20))
            rest = inflater.unconsumed_tail
        if size > LARGEST_FILE:
            raise SrnetError(f"{path}: unpacks to more than 1 GiB, as no film does; {_EXPORT}")


def _plain_syntax(implicit: bool, little: bool) -> Any:
    """Return the transfer syntax of a file that states none, which is never compressed."""
    from pydicom import uid

    if implicit:
        return uid.ImplicitVRLittleEndian
    return uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian


def _has_plugin(syntax: Any, bits_stored: int) -> bool:
    """Tell whether pydicom can decode a transfer syntax."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import JPEGExtended12Bit

    if syntax == JPEGExtended12Bit and bits_stored > 8:
        return False  # Pillow, its plug-in, knows 8 bits only.
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _decode_by_pydicom(tags: Any) -> NDArray[Any]:
    from pydicom.pixels.utils import pixel_array

    return np.asarray(pixel_array(tags))


def _check_decoded(said: list[warnings.WarningMessage]) -> None:
    """Raise for what pydicom only warns of: pixels of another number than claimed."""
    for text in (str(warning.message) for warning in said):
        numbers = re.search(r"(\d+) vs\. (\d+) bytes expected", text)
        if numbers and int(numbers[1]) - int(numbers[2]) > 1:
            raise ValueError(f"{numbers[1]} bytes instead of {numbers[2]}")
        if "frames have been found" in text or "EOI/EOC marker" in text:
            raise ValueError("its compressed frames are incomplete or too many")


def _check_jpeg(frame: bytes, rows: int, columns: int, samples: int) -> None:
    """Raise ValueError unless a JPEG is whole and of the size that the DICOM header states.

    GDCM, which decodes it for SimpleITK, would show a part, or reserve memory for any claim.
    """
    place = 2
    while frame[place : place + 1] == b"\xff":
        marker, length = frame[place + 1], int.from_bytes(frame[place + 2 : place + 4], "big")
        if marker == 0xFF:  # a byte that fills
            place += 1
            continue
        # Start of a frame: SOF0 to SOF15 but for three other segments, and that of JPEG-LS.
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            height, width = (
                int.from_bytes(frame[place + at : place + at + 2], "big") for at in (5, 7)
            )
            if (height, width, frame[place + 9]) != (rows, columns, samples):
                raise ValueError(f"its compressed frame claims {width} x {height} pixels")
            if not frame.rstrip(b"\0").endswith(b"\xff\xd9"):
                raise ValueError("its compressed frame is cut short")
            return
        place += 2 + length
    raise ValueError("its compressed frame is no JPEG")


def _decode_by_itk(tags: Any) -> NDArray[Any]:
    """Return what SimpleITK makes of the pixels alone."""
    import SimpleITK
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import generate_frames
    from pydicom.uid import SecondaryCaptureImageStorage

    frames, samples = int(tags.get("NumberOfFrames") or 1), int(tags.get("SamplesPerPixel") or 1)
    for frame in generate_frames(tags.PixelData, number_of_frames=frames):
        _check_jpeg(frame, int(tags.Rows), int(tags.Columns), samples)
    copy, meta = Dataset(), FileMetaDataset()
    uid: Any = "2.25.1"
    meta.TransferSyntaxUID = tags.file_meta.TransferSyntaxUID
    meta.MediaStorageSOPClassUID = copy.SOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = copy.SOPInstanceUID = uid
    for name in _KEPT:
        if name in tags:
            copy[name] = tags[name]
    if samples == 1:
        copy.PhotometricInterpretation = "MONOCHROME2"  # the others would be inverted or coloured
    copy["PixelData"] = tags["PixelData"]
    copy.file_meta = meta
    shown = SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "pixels.dcm"
            copy.save_as(file, enforce_file_format=True)
            found = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(file)))
    finally:
        SimpleITK.ProcessObject.SetGlobalWarningDisplay(shown)
    return np.asarray(found if frames > 1 else found[0])
