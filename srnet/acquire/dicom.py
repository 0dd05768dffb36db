"""Read a DICOM series: exactly one stack of parallel, evenly spaced CT slices.

Slices are ordered by their position along the slice normal, never by name or number. Series and
acquisitions that share a folder are told apart. A stack with gaps, or sheared by a tilted gantry,
is rejected with the reason.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.core.errors import ScanRejected
from srnet.core.rejection import is_shortage
from srnet.imaging.image import Image, plain_reason
from srnet.imaging.volume import AIR_HU

LOG = logging.getLogger(__name__)

_SUFFIXES = (".dcm", ".dicom", ".ima")
_TAGS = [
    *("Modality", "ImageType", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription"),
    *("AcquisitionNumber", "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"),
    *("Rows", "Columns", "NumberOfFrames", "PixelPaddingValue"),
    *("RescaleSlope", "RescaleIntercept", "GantryDetectorTilt"),
]
_SCALE = ("RescaleSlope", "RescaleIntercept")
_SMALLEST_STACK = 4
# Positions have few decimals; a tenth of a step tolerates their rounding but no missing slice.
_STEP_TOLERANCE = 0.1
_LARGEST_SHEAR = 0.01


@dataclass(frozen=True)
class Slice:
    """What one DICOM file says about its slice.

    Attributes
    ----------
    path
        The file.
    series, acquisition, description
        Identity, for telling stacks apart and for messages.
    modality, localizer, frames
        What kind of object it is.
    shape, spacing_mm
        Rows and columns; distance between rows, and between columns.
    orientation, position_mm
        (6,) direction cosines of a row and of a column, and (3,) position of the first voxel, LPS.
    padding_hu
        HU outside the field of view, if the file states it.
    lacks
        What the header of a CT slice should state and does not, or an empty text.
    """

    path: Path
    series: str
    acquisition: str
    description: str
    modality: str
    localizer: bool
    frames: int
    shape: tuple[int, int]
    spacing_mm: tuple[float, float]
    orientation: tuple[float, ...]
    position_mm: tuple[float, ...]
    padding_hu: int | None
    lacks: str

    @property
    def normal(self) -> NDArray[np.float64]:
        """Return the unit vector across the slice, LPS."""
        return np.asarray(np.cross(self.orientation[:3], self.orientation[3:]))


def has_dicom(folder: Path) -> bool:
    """Tell whether a folder holds DICOM files, by suffix or by the first bytes of three files."""
    paths = sorted(folder.iterdir())
    if any(path.name.lower().endswith(_SUFFIXES) for path in paths):
        return True
    others = [path for path in paths if _may_be_slice(path)]
    # A disc has a few texts beside its slices, whose names come first or last, seldom both.
    sample = {0, len(others) // 2, len(others) - 1} if others else set()
    return any(_has_magic(others[place]) for place in sample)


def _may_be_slice(path: Path) -> bool:
    return path.is_file() and path.name != "DICOMDIR" and not path.name.startswith(".")


def _has_magic(path: Path) -> bool:
    with path.open("rb") as handle:
        handle.seek(128)
        return handle.read(4) == b"DICM"


def list_series(folder: Path) -> list[list[Slice]]:
    """Return the CT stacks in a folder, each a list of slices, the longest first.

    Scouts, reports, segmentations and dose objects are left out.

    Raises
    ------
    ScanRejected
        If there is no CT slice among the files, with what there is instead, or one that does not
        state its position or its scale.
    """
    slices = [found for path in sorted(folder.iterdir()) if (found := _read_header(path))]
    if not slices:
        raise ScanRejected(f"{folder}: no file in it is a DICOM image; export the series again")
    ct = [s for s in slices if s.modality == "CT" and not s.localizer]
    usable = [s for s in ct if s.orientation]
    # A true multi-frame CT states the orientation of each frame in a nested part of the header.
    if any(s.frames > 1 for s in usable or ct):
        raise ScanRejected(
            f"{folder}: is an enhanced multi-frame CT; convert it to NIfTI, as dcm2niix does"
        )
    if not usable:
        counts = Counter("scout" if s.localizer else s.modality for s in slices)
        kinds = ", ".join(f"{count} x {kind}" for kind, count in counts.items())
        raise ScanRejected(
            f"{folder}: holds no CT slices but {kinds}; only CT in Hounsfield units can be used"
        )
    faulty = [s for s in usable if s.lacks]
    if faulty:
        raise ScanRejected(
            f"{folder}: {len(faulty)} of {len(usable)} CT slices have {faulty[0].lacks}, "
            f"such as {faulty[0].path.name}; export the series again"
        )
    stacks = [stack for group in _grouped(usable, _series_key) for stack in _acquisitions(group)]
    return sorted(stacks, key=len, reverse=True)


def read_series(folder: Path) -> Image:
    """Read the only CT stack of a folder, rescaled to HU, with padding turned to air.

    Raises
    ------
    ScanRejected
        If there are several stacks, missing slices, a tilted gantry, or pixels that cannot be
        decoded.
    """
    stacks = [stack for stack in list_series(folder) if len(stack) >= _SMALLEST_STACK]
    if not stacks:
        raise ScanRejected(
            f"{folder}: has fewer than {_SMALLEST_STACK} CT slices of one series; "
            "export the whole series"
        )
    if len(stacks) > 1:
        found = "; ".join(f"{stack[0].description}: {len(stack)} slices" for stack in stacks)
        raise ScanRejected(
            f"{folder}: holds {len(stacks)} CT series or acquisitions ({found}); give each a "
            "folder of its own, as `srnet scans split-dicom FOLDER OUT` does"
        )
    return _stack(stacks[0], folder)


def _read_header(path: Path) -> Slice | None:
    import pydicom
    from pydicom.errors import InvalidDicomError

    if not _may_be_slice(path):
        return None
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
        return _to_slice(path, header) if header.get("Modality") else None
    except (InvalidDicomError, EOFError):
        return None
    except Exception as failure:  # The library raises many kinds of errors on damaged files.
        if is_shortage(failure):
            raise
        raise ScanRejected(
            f"{path}: its DICOM header is damaged ({plain_reason(failure, path)}); "
            "export the series again"
        ) from None


def _to_slice(path: Path, header: Any) -> Slice:
    modality = str(header.Modality)
    # The values of other objects are not needed, and may be malformed.
    values = header if modality == "CT" else {}
    spacing = _numbers(values, "PixelSpacing") or (0.0, 0.0)
    number, about = values.get("SeriesNumber", "?"), values.get("SeriesDescription", "no name")
    return Slice(
        path=path,
        series=str(values.get("SeriesInstanceUID", "")),
        acquisition=str(values.get("AcquisitionNumber", "")),
        description=f"series {number} '{about}'",
        modality=modality,
        localizer="LOCALIZER" in (values.get("ImageType") or ()),
        frames=int(values.get("NumberOfFrames") or 1),
        shape=(int(values.get("Rows") or 0), int(values.get("Columns") or 0)),
        spacing_mm=(spacing[0], spacing[1]),
        orientation=_numbers(values, "ImageOrientationPatient"),
        position_mm=_numbers(values, "ImagePositionPatient"),
        padding_hu=_padding_hu(values),
        lacks=_lacks(values),
    )


def _numbers(values: Any, name: str) -> tuple[float, ...]:
    return tuple(float(value) for value in values.get(name) or ())


def _padding_hu(values: Any) -> int | None:
    padding = values.get("PixelPaddingValue")
    slope, intercept = values.get("RescaleSlope", 1), values.get("RescaleIntercept", 0)
    if None in (padding, slope, intercept):
        return None
    return round(float(padding) * float(slope) + float(intercept))


def _lacks(values: Any) -> str:
    """Return what the header of a CT slice should state and does not, or an empty text."""
    if len(_numbers(values, "ImagePositionPatient")) != 3:
        return "no position (ImagePositionPatient)"
    if len(_numbers(values, "ImageOrientationPatient")) != 6:
        return "no orientation (ImageOrientationPatient)"
    # Without scale tags the stored values may be HU, which is checked later; an empty tag is lost.
    empty = [name for name in _SCALE if name in values and values.get(name) in (None, "")]
    return f"an empty {empty[0]}" if empty else ""


def _series_key(slice_: Slice) -> tuple[Any, ...]:
    cosines = tuple(round(c, 3) for c in slice_.orientation)
    return slice_.series, cosines, slice_.shape, slice_.spacing_mm


def _grouped(slices: Sequence[Slice], key: Callable[[Slice], Any]) -> list[list[Slice]]:
    groups: dict[Any, list[Slice]] = defaultdict(list)
    for slice_ in slices:
        groups[key(slice_)].append(slice_)
    return list(groups.values())


def _acquisitions(group: list[Slice]) -> list[list[Slice]]:
    """Split a series by acquisition, unless its acquisitions follow each other along the body.

    Acquisitions whose ranges overlap are separate stacks, except on scanners that number every
    slice as an acquisition of its own.
    """
    parts = _grouped(group, lambda slice_: slice_.acquisition)
    spans = sorted((min(map(_position, part)), max(map(_position, part))) for part in parts)
    consecutive = all(one[1] < following[0] for one, following in pairwise(spans))
    stacks = max(map(len, parts)) >= _SMALLEST_STACK
    return parts if stacks and not consecutive else [group]


def _position(slice_: Slice) -> float:
    """Return the distance of a slice along its normal, mm."""
    return round(float(np.dot(slice_.position_mm, slice_.normal)), 3)


def _stack(slices: list[Slice], folder: Path) -> Image:
    """Return the image of one stack; its affine turns LPS into RAS."""
    ordered = sorted(slices, key=_position)
    step_mm = _check_steps(ordered, folder)
    _check_tilt(ordered, folder)
    first = ordered[0]
    # The first cosines are those along a row, in which the column index increases.
    along_row, along_column = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    affine = np.eye(4)
    affine[:3, 0] = along_row * first.spacing_mm[1]
    affine[:3, 1] = along_column * first.spacing_mm[0]
    affine[:3, 2] = first.normal * step_mm
    affine[:3, 3] = first.position_mm
    affine[:2] *= -1
    array = _read_pixels(ordered, folder)
    return Image(array, affine, (first.spacing_mm[1], first.spacing_mm[0], step_mm))


def _check_steps(ordered: list[Slice], folder: Path) -> float:
    """Return the slice spacing in mm if it is even."""
    places = np.array([_position(slice_) for slice_ in ordered])
    steps = np.diff(places)
    step = float(np.median(steps))
    if np.any(steps <= 0):
        raise ScanRejected(
            f"{folder}: {int(np.sum(steps <= 0)) + 1} of {len(ordered)} slices share a position "
            f"({ordered[0].description}); several exposures are mixed, so export one of them"
        )
    wrong = np.flatnonzero(np.abs(steps - step) > _STEP_TOLERANCE * step)
    if len(wrong):
        at = int(wrong[0])
        missing = int(np.sum(np.rint(steps[wrong] / step) - 1))
        what = f"{missing} slices are missing" if missing > 0 else "slices are unevenly spaced"
        raise ScanRejected(
            f"{folder}: {what}: the step is {step:g} mm but {steps[at]:g} mm after slice {at + 1} "
            f"of {len(ordered)} ({ordered[at].path.name}); export the whole series again"
        )
    return float(np.mean(steps))


def _check_tilt(ordered: list[Slice], folder: Path) -> None:
    """Refuse a stack whose slices are shifted against each other in their plane."""
    drift = np.subtract(ordered[-1].position_mm, ordered[0].position_mm)
    along = float(np.dot(drift, ordered[0].normal))
    sideways = float(np.linalg.norm(drift - along * ordered[0].normal))
    if sideways > _LARGEST_SHEAR * along:
        angle = np.rad2deg(np.arctan2(sideways, along))
        raise ScanRejected(
            f"{folder}: the gantry was tilted by {angle:.1f} degrees, so the slices are sheared; "
            "correct the tilt, as `dcm2niix` does, and give the NIfTI file it writes"
        )


def _read_pixels(ordered: list[Slice], folder: Path) -> NDArray[Any]:
    """Return HU indexed [column, row, slice]."""
    import SimpleITK

    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(slice_.path) for slice_ in ordered])
    # The geometry was checked above; ITK warns even of rounding.
    shown = SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        array = SimpleITK.GetArrayFromImage(reader.Execute()).T
    except RuntimeError as failure:
        if is_shortage(failure):
            raise
        reason = plain_reason(failure, folder)
        raise ScanRejected(
            f"{folder}: its pixels cannot be decoded ({reason}); export it uncompressed"
        ) from None
    finally:
        SimpleITK.ProcessObject.SetGlobalWarningDisplay(shown)
    if array.ndim != 3:
        raise ScanRejected(f"{folder}: its slices are colour images; export the CT itself")
    for index, slice_ in enumerate(ordered):
        if slice_.padding_hu is not None and slice_.padding_hu < AIR_HU:
            plane = array[:, :, index]
            plane[plane <= slice_.padding_hu] = AIR_HU
    LOG.info("%s: %d slices of %s", folder, len(ordered), ordered[0].description)
    return array
