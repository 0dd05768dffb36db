"""The headers of DICOM files: which slices they hold, where each lies, and where its pixels are.

A folder is understood as a whole. Every file that looks like a slice is read, or named: a series
that lost its last slices to a broken copy would otherwise be a shorter spine.
"""

import hashlib
import io
import logging
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from srnet.core.errors import ScanRejected
from srnet.core.rejection import is_shortage
from srnet.imaging.image import plain_reason

LOG = logging.getLogger(__name__)

_SUFFIXES = (".dcm", ".dicom", ".ima")
_DIRECTORY = "1.2.840.10008.1.3.10"
"""Class of a DICOMDIR, the list of contents of a disc."""
_CLASSES = tuple(f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("2", "2.1", "2.2"))
"""Classes of CT images: of one slice, enhanced, and enhanced from slices."""
_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_SCALE = ("RescaleSlope", "RescaleIntercept")
_UNITS = ("", "HU", "US", "UNSPECIFIED")
_LAYOUT = ("BitsAllocated", "SamplesPerPixel", "PhotometricInterpretation")
_TAGS = [
    *("Modality", "ImageType", "SOPClassUID", "InstanceNumber", "SeriesInstanceUID"),
    *(
        "SeriesNumber",
        "SeriesDescription",
        "AcquisitionNumber",
        "ImageOrientationPatient",
        "PixelSpacing",
    ),
    *("ImagePositionPatient", "Rows", "Columns", "NumberOfFrames", "PixelPaddingValue"),
    *("BitsStored", "PixelRepresentation", "RescaleType", *_LAYOUT, *_SCALE, *_GROUPS),
]
_PLACEHOLDER = re.compile(
    r"(anon\w*|de-?ident\w*|unknown|none|null|n/?a|removed|redacted|x+|0+|[\W_]*)"
)
"""Values of PatientID that stand for no person, shared by all scans of some collections."""
_LARGEST_EDGE = 8192
"""Rows and columns of a slice; more are a damaged header."""
_UNDEFINED = 0xFFFFFFFF
_SERIES_NUMBER = 0x00200011
_IDENTITY = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber")
_IDENTITY_BYTES = 1 << 16
"""Beginning of a file in which its series is stated, far before its pixels."""
_NO_FRAMES = "frames whose place it does not state"


@dataclass(frozen=True)
class Slice:
    """What a DICOM file says about one slice: the only one in it, or one frame.

    Attributes
    ----------
    path, frame, frames
        The file, the number of the frame in it, and how many it holds.
    series, acquisition, number, description
        Identity, for telling stacks apart and for messages; the number is None if not stated.
    localizer
        Whether it is a scout.
    shape, spacing_mm
        Rows and columns; distance between rows, and between columns.
    orientation, position_mm
        (6,) direction cosines of a row and of a column, and (3,) position of the first voxel, LPS.
    decimals
        Decimal places of the texts of spacing and of position.
    scale
        Slope and intercept to HU, None where the file states none.
    padding_hu
        HU outside the field of view, if the file states it.
    layout
        Bits, samples and photometric interpretation, alike in all slices of a stack.
    stored, bits
        Type of the numbers as they lie in the file from byte `start` on, or None where they are
        packed; and how many of its bits are theirs.
    start
        First byte of the pixels of the slice.
    lacks
        What the header of a CT slice should state and does not, or an empty text.
    """

    path: Path
    frame: int
    frames: int
    series: str
    acquisition: str
    number: int | None
    description: str
    localizer: bool
    shape: tuple[int, int]
    spacing_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    position_mm: tuple[float, ...]
    decimals: tuple[int, int]
    scale: tuple[float | None, float | None]
    padding_hu: int | None
    layout: tuple[Any, ...]
    stored: np.dtype[Any] | None
    bits: int
    start: int
    lacks: str

    @property
    def name(self) -> str:
        """Return the name of the file, and of the frame where it is not the first."""
        return f"{self.path.name}, frame {self.frame + 1}" if self.frame else self.path.name

    @property
    def normal(self) -> NDArray[np.float64]:
        """Return the unit vector across the slice, LPS."""
        return np.asarray(np.cross(self.orientation[:3], self.orientation[3:]))


@dataclass(frozen=True)
class _Other:
    """A DICOM object that is no CT slice."""

    path: Path
    kind: str
    series: str
    shape: tuple[int, int]


class UnreadableError(Exception):
    """A file that should be a slice and cannot be read as one, with the reason."""


def has_dicom(folder: Path) -> bool:
    """Tell whether a folder holds DICOM files, by suffix or by the first bytes of three files."""
    paths = _files(folder)
    if any(path.name.lower().endswith(_SUFFIXES) for path in paths):
        return True
    # A disc has a few texts beside its slices, whose names come first or last, seldom both.
    sample = {0, len(paths) // 2, len(paths) - 1} if paths else set()
    return any(is_dicom(paths[place]) for place in sample)


def is_dicom(file: Path | bytes) -> bool:
    """Tell from its name or its first bytes whether a file is DICOM, be it without a preamble."""
    if isinstance(file, bytes):
        return file[128:132] == b"DICM" or _begins_like_tags(file)
    if file.name.lower().endswith(_SUFFIXES):
        return True
    with file.open("rb") as handle:
        return is_dicom(handle.read(132))


def _begins_like_tags(head: bytes) -> bool:
    """Tell whether a file begins with an element of group 2 or 8, as without a preamble."""
    group = head[:1] in {b"\x02", b"\x08"} and head[1:2] == b"\0" and head[3:4] == b"\0"
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return group and (explicit or head[6:8] == b"\0\0")


def _files(folder: Path) -> list[Path]:
    """Return the files of a folder that may be slices, sorted."""
    return [path for path in sorted(folder.iterdir()) if _may_be_slice(path)]


def _may_be_slice(path: Path) -> bool:
    return not path.name.startswith(".") and path.name.upper() != "DICOMDIR" and path.is_file()


@dataclass(frozen=True)
class Identity:
    """Whom and what DICOM files show, for comparison in memory only.

    Attributes
    ----------
    person
        Digest of PatientID; an empty text where none or a placeholder is stated.
    series
        A name for each series of the person, equal in all folders that hold parts of it.
    """

    person: str
    series: frozenset[str]


def identify(content: Path | bytes) -> Identity:
    """Return whom a DICOM folder shows, by two of its files, or the beginning of one file."""
    if isinstance(content, Path):
        files = _files(content)
        ends = [_beginning(path) for path in (*files[:1], *files[1:][-1:])]
    else:
        ends = [content]
    found = [tags for end in ends if (tags := _identity_tags(end))["SeriesInstanceUID"]]
    persons = {tags["PatientID"] for tags in found}
    series = {tags["SeriesInstanceUID"] for tags in found}
    if len(series) == len(found):
        # Some programs give every slice a series of its own; the number of the series is left.
        series |= {
            f"{tags['StudyInstanceUID']} {tags['SeriesNumber']}"
            for tags in found
            if tags["StudyInstanceUID"] and tags["SeriesNumber"]
        }
    person = persons.pop() if len(persons) == 1 else ""
    named = not _PLACEHOLDER.fullmatch(person.lower())
    return Identity(
        hashlib.sha256(person.encode()).hexdigest() if named else "",
        frozenset(f"{person} {name}" for name in series),
    )


def _beginning(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(_IDENTITY_BYTES)


def _identity_tags(beginning: bytes) -> dict[str, str]:
    """Return what a file says of its patient and series, empty texts where it cannot be read."""
    from pydicom.filereader import read_partial

    found = dict.fromkeys(_IDENTITY, "")
    try:
        tags = read_partial(io.BytesIO(beginning), stop_when=_is_beyond_series, force=True)
        found |= {name: str(tags.get(name) or "").strip() for name in _IDENTITY}
    except Exception as failure:  # What is wrong with it is said when the scan is read.
        if is_shortage(failure):
            raise
    return found


def _is_beyond_series(tag: int, _vr: str | None, _length: int) -> bool:
    return tag > _SERIES_NUMBER


def read_slices(paths: Iterable[Path]) -> list[Slice]:
    """Return the CT slices of files and of folders, scouts left out, in the order of their names.

    Reports, segmentations and dose objects are passed over, as are texts and pictures.

    Raises
    ------
    ScanRejected
        If a file looks like a slice and cannot be read, if a slice does not state its place or its
        scale, or if there is no CT slice, with what there is instead.
    """
    paths = list(paths)
    where = ", ".join(map(str, paths))
    slices: list[Slice] = []
    others: list[_Other] = []
    strangers: list[Path] = []
    damaged: list[tuple[Path, str]] = []
    dicom: list[Path] = []
    files = [file for path in paths for file in (_files(path) if path.is_dir() else [path])]
    for path in files:
        try:
            found = _read_file(path)
        except UnreadableError as reason:
            damaged.append((path, str(reason)))
            continue
        if found is None:
            strangers.append(path)
            continue
        dicom.append(path)
        if isinstance(found, _Other):
            others.append(found)
        else:
            slices += found
    if not dicom and not damaged:
        raise ScanRejected(f"{where}: no file in it is a DICOM image; export the series again")
    names = {_pattern(path.name) for path in dicom}
    damaged += [
        (path, "it is no DICOM file" if path.stat().st_size else "it is empty")
        for path in strangers
        if _looks_alike(path, names)
    ]
    kin = {(slice_.series, slice_.shape) for slice_ in slices if not slice_.localizer}
    damaged += [
        (other.path, f"it is a {other.kind} in a series of CT slices")
        for other in others
        if (other.series, other.shape) in kin
    ]
    if damaged:
        path, why = damaged[0]
        raise ScanRejected(
            f"{where}: {len(damaged)} of {len(dicom) + len(damaged)} files cannot be read as "
            f"DICOM, such as {path.name} ({why}); copy or export the series again, or take out "
            "what does not belong to it"
        )
    return _complete(slices, Counter(other.kind for other in others), where)


def _complete(slices: list[Slice], others: Counter[str], where: str) -> list[Slice]:
    """Return the slices that lie in a body, or refuse those that lack what they should state."""
    others["scout"] = sum(slice_.localizer for slice_ in slices)
    ct = [slice_ for slice_ in slices if not slice_.localizer]
    whole = [slice_ for slice_ in ct if slice_.lacks != _NO_FRAMES]
    if ct and not whole:
        raise ScanRejected(
            f"{where}: is an enhanced multi-frame CT with {_NO_FRAMES}; convert it to NIfTI, as "
            "dcm2niix does"
        )
    if not ct:
        kinds = ", ".join(f"{count} x {kind}" for kind, count in others.items() if count)
        raise ScanRejected(
            f"{where}: holds no CT slices but {kinds}; only CT in Hounsfield units can be used"
        )
    for slice_ in ct:
        if slice_.lacks == _NO_FRAMES:
            LOG.warning("%s: %s holds %s and is passed over", where, slice_.name, _NO_FRAMES)
    faulty = [slice_ for slice_ in whole if slice_.lacks]
    if faulty:
        raise ScanRejected(
            f"{where}: {len(faulty)} of {len(whole)} CT slices have {faulty[0].lacks}, "
            f"such as {faulty[0].name}; export the series again"
        )
    return whole


def _looks_alike(path: Path, names: set[str]) -> bool:
    """Tell whether a file that is no DICOM seems to be one of the slices that are beside it.

    `names` are the patterns of their names.
    """
    if path.name.lower().endswith(_SUFFIXES) or _pattern(path.name) in names:
        return True
    if _has_suffix(path.name) or not re.search(r"\d", path.name):
        return False  # LOCKFILE and VERSION are as empty as a slice that was lost.
    if all(map(_has_suffix, names)):
        return False
    with path.open("rb") as handle:
        head = handle.read(512)
    # README and the like are texts; a slice that was lost is empty or is none.
    return not head or not re.fullmatch(rb"[\t\n\r\x20-\x7e\x80-\xff]+", head)


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "#", name.lower())


def _has_suffix(name: str) -> bool:
    """Tell whether a name or its pattern ends in a suffix; the parts of a UID are none."""
    suffix = Path(name).suffix
    return bool(suffix) and suffix[1:] != "#" and not suffix[1:].isdigit()


def _read_file(path: Path) -> "list[Slice] | _Other | None":
    """Return the slices of a CT, what another object is, or None if it is no DICOM."""
    import pydicom

    try:
        with path.open("rb") as handle:
            head = handle.read(132)
            if not is_dicom(head):
                return None
            handle.seek(0)
            header = pydicom.dcmread(
                handle, stop_before_pixels=True, specific_tags=_TAGS, force=True
            )
            modality = str(header.get("Modality") or "")
            if header.file_meta.get("MediaStorageSOPClassUID") == _DIRECTORY:
                return _Other(path, "directory", "", (0, 0))
            if not modality:
                raise UnreadableError("its header ends early or states no modality")
            if modality == "CT" and not _is_capture(header):
                return _slices(path, header, handle)
            # Other values of other objects are not needed, and may be malformed.
            kind = "CT without a place" if modality == "CT" else modality
            return _Other(path, kind, str(header.get("SeriesInstanceUID", "")), _shape(header))
    except UnreadableError:
        raise
    except Exception as failure:  # The library raises many kinds of errors on damaged files.
        if is_shortage(failure):
            raise
        reason = plain_reason(failure, path)
        raise UnreadableError(f"its DICOM header is damaged: {reason}") from None


def _shape(header: Any) -> tuple[int, int]:
    return int(header.get("Rows") or 0), int(header.get("Columns") or 0)


def _is_capture(header: Any) -> bool:
    """Tell whether an object of a CT is no slice, such as a picture of its dose report."""
    known = str(header.get("SOPClassUID") or _CLASSES[0])
    return known not in _CLASSES and "ImageOrientationPatient" not in header


def _slices(path: Path, header: Any, handle: BinaryIO) -> list[Slice]:
    """Return the slices of a CT object, whose pixels begin where `handle` is."""
    number, about = header.get("SeriesNumber", "?"), header.get("SeriesDescription", "no name")
    shape = _shape(header)
    frames = int(header.get("NumberOfFrames") or 1)
    if not all(0 < n <= _LARGEST_EDGE for n in shape) or not 0 < frames <= 1 << 16:
        raise UnreadableError(f"it claims {frames} frames of {shape[1]} x {shape[0]} pixels")
    stored, start = _find_pixels(path, header, handle, math.prod(shape), frames)
    plain = Slice(
        path=path,
        frame=0,
        frames=frames,
        series=str(header.get("SeriesInstanceUID", "")),
        acquisition="",
        number=None,
        description=f"series {number} '{about}'",
        localizer="LOCALIZER" in (header.get("ImageType") or ()),
        shape=shape,
        spacing_mm=(),
        orientation=(),
        position_mm=(),
        decimals=(0, 0),
        scale=(None, None),
        padding_hu=None,
        layout=tuple(str(header.get(name, "")) for name in _LAYOUT),
        stored=stored,
        bits=int(header.get("BitsStored") or 0),
        start=start,
        lacks="",
    )
    if frames == 1 and _GROUPS[1] not in header:
        return [_placed(plain, header, header)]
    groups = list(header.get(_GROUPS[1]) or ())
    if len(groups) != frames:
        return [replace(plain, lacks=_NO_FRAMES)]
    shared: Any = next(iter(header.get(_GROUPS[0]) or ()), {})
    bytes_a_frame = math.prod(shape) * (stored.itemsize if stored else 0)
    return [
        _placed(
            replace(plain, frame=number, start=start + number * bytes_a_frame),
            header,
            _frame_values(shared) | _frame_values(group),
        )
        for number, group in enumerate(groups)
    ]


def _frame_values(group: Any) -> dict[str, Any]:
    """Return the values of a functional group, by their names in a header of one slice."""
    sought = {
        "PlanePositionSequence": ("ImagePositionPatient",),
        "PlaneOrientationSequence": ("ImageOrientationPatient",),
        "PixelMeasuresSequence": ("PixelSpacing",),
        "PixelValueTransformationSequence": (*_SCALE, "RescaleType"),
        "FrameContentSequence": ("FrameAcquisitionNumber",),
    }
    found: dict[str, Any] = {}
    for sequence, names in sought.items():
        for item in group.get(sequence) or ():
            found |= {name: item.get(name) for name in names if name in item}
    if "FrameAcquisitionNumber" in found:
        found["AcquisitionNumber"] = found.pop("FrameAcquisitionNumber")
    return found


def _placed(slice_: Slice, header: Any, values: Any) -> Slice:
    """Return a slice with its place and its scale, or with what it lacks of them."""
    spacing, position = _numbers(values, "PixelSpacing"), _numbers(values, "ImagePositionPatient")
    orientation = _numbers(values, "ImageOrientationPatient")
    slope, intercept = (_numbers(values, name) for name in _SCALE)
    scale = (slope[0] if slope else None, intercept[0] if intercept else None)
    return replace(
        slice_,
        acquisition=str(values.get("AcquisitionNumber", "")),
        number=int(values.get("InstanceNumber") or 0) or None,
        spacing_mm=spacing,
        orientation=orientation,
        position_mm=position,
        decimals=(_decimals(values, "PixelSpacing"), _decimals(values, "ImagePositionPatient")),
        scale=scale,
        padding_hu=_padding_hu(header, scale),
        lacks=_lacks(values, spacing, position, orientation, scale),
    )


def _numbers(values: Any, name: str) -> tuple[float, ...]:
    """Return the numbers of a tag, none where it is empty."""
    value = values.get(name)
    if value is None or value == "":
        return ()
    several = value if hasattr(value, "__iter__") and not isinstance(value, str) else (value,)
    return tuple(float(number) for number in several)


def _decimals(values: Any, name: str) -> int:
    """Return the most decimal places among the texts of a tag's numbers."""
    texts = [str(getattr(number, "original_string", number)) for number in values.get(name) or ()]
    places = [len(t.partition(".")[2].strip()) if "e" not in t.lower() else 9 for t in texts]
    return max(places, default=0)


def _padding_hu(header: Any, scale: tuple[float | None, float | None]) -> int | None:
    padding = header.get("PixelPaddingValue")
    if not isinstance(padding, int):
        return None
    slope, intercept = scale
    hu = padding * (1 if slope is None else slope) + (intercept or 0)
    return round(hu) if math.isfinite(hu) else None


def _lacks(
    values: Any,
    spacing: tuple[float, ...],
    position: tuple[float, ...],
    orientation: tuple[float, ...],
    scale: tuple[float | None, float | None],
) -> str:
    """Return what the header of a CT slice should state and does not, or an empty text."""
    if len(position) != 3 or not np.all(np.isfinite(position)):
        return "no position (ImagePositionPatient)"
    if len(orientation) != 6 or not _are_axes(orientation):
        return "no orientation (ImageOrientationPatient)"
    if len(spacing) != 2 or not np.all(np.isfinite(spacing)) or min(spacing) <= 0:
        return "no voxel size (PixelSpacing)"
    # Without scale tags the stored values may be HU, which is checked later; an empty tag is lost.
    for name, value in zip(_SCALE, scale, strict=True):
        if name in values and value is None:
            return f"an empty {name}"
        if value is not None and not (math.isfinite(value) and (value or name != _SCALE[0])):
            return f"a {name} of {value:g}"
    unit = str(values.get("RescaleType") or "").strip()
    return "" if unit.upper() in _UNITS else f"values in '{unit}' instead of HU (RescaleType)"


def _are_axes(orientation: tuple[float, ...]) -> bool:
    """Tell whether six numbers are two directions at right angles."""
    axes = np.reshape(orientation, (2, 3))
    return bool(np.all(np.abs(axes @ axes.T - np.eye(2)) < 0.01))


def _find_pixels(
    path: Path, header: Any, handle: BinaryIO, pixels: int, frames: int
) -> tuple[np.dtype[Any] | None, int]:
    """Return the type and the first byte of pixels that lie in the file as they are, or None, 0.

    Raises
    ------
    UnreadableError
        If the file does not hold exactly the pixels that it claims.
    """
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax is not None and syntax.is_deflated:
        return None, 0
    implicit, little = header.original_encoding
    order: Literal["little", "big"] = "little" if little else "big"
    element = handle.read(8 if implicit else 12)
    if len(element) < (8 if implicit else 12):
        raise UnreadableError("it ends before its pixels")
    length = int.from_bytes(element[-4:], order)
    start, size = handle.tell(), path.stat().st_size
    if length == _UNDEFINED:
        _walk_fragments(handle, size)
        return None, 0
    bits, samples = int(header.get("BitsAllocated") or 0), int(header.get("SamplesPerPixel") or 1)
    claimed = (pixels * frames * samples * bits + 7) // 8
    if length not in {claimed, claimed + claimed % 2}:
        raise UnreadableError(
            f"it holds {length} bytes of pixels where its header claims {claimed}"
        )
    if start + length > size:
        raise UnreadableError(f"it ends {start + length - size} bytes before its pixels do")
    if samples != 1 or bits not in {8, 16, 32}:
        return None, 0
    sign = "i" if header.get("PixelRepresentation") == 1 else "u"
    return np.dtype(f"{'<' if little else '>'}{sign}{bits // 8}"), start


def _walk_fragments(handle: BinaryIO, size: int) -> None:
    """Go through the pieces of packed pixels up to the mark that ends them."""
    while True:
        item = handle.read(8)
        if len(item) < 8:
            raise UnreadableError("it ends before its packed pixels do")
        length = int.from_bytes(item[4:], "little")
        if item[:4] == b"\xfe\xff\xdd\xe0":
            return
        if item[:4] != b"\xfe\xff\x00\xe0" or handle.tell() + length > size:
            raise UnreadableError("its packed pixels are cut or damaged")
        handle.seek(length, 1)
