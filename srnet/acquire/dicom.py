"""DICOM series: exactly one stack of parallel, evenly spaced CT slices, or a reason why not.

Slices are ordered by their position along the slice normal, never by name or
number. Series and acquisitions that share a folder are told apart; nothing is
guessed when a stack has gaps or is sheared by a tilted gantry.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.errors import ScanRejected
from srnet.volume import AIR_HU, Image

__all__ = ["Slice", "has_dicom", "list_series", "read_series"]

LOG = logging.getLogger(__name__)

_SUFFIXES = (".dcm", ".dicom", ".ima")
_MAGIC_AT = 128
_TAGS = (
    "Modality",
    "ImageType",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "AcquisitionNumber",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "PixelPaddingValue",
    "RescaleSlope",
    "RescaleIntercept",
    "GantryDetectorTilt",
)
_SMALLEST_STACK = 4
# Positions are written with few decimals; a tenth of a step is far below a missing slice.
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
    shape
        Rows and columns.
    spacing_mm
        Distance between rows, and between columns.
    orientation
        (6,) direction cosines of a row and of a column, LPS.
    position_mm
        (3,) LPS position of the first voxel.
    padding_hu
        HU outside the field of view, where the file names it.
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

    @property
    def normal(self) -> NDArray[np.float64]:
        """Return the unit vector across the slice, LPS."""
        cross: NDArray[np.float64] = np.cross(self.orientation[:3], self.orientation[3:])
        return cross


def has_dicom(folder: Path) -> bool:
    """Tell from names, and from the magic of a few unnamed files, whether a folder holds DICOM."""
    unnamed = []
    for path in sorted(folder.iterdir()):
        if path.name.lower().endswith(_SUFFIXES):
            return True
        if path.is_file() and path.name != "DICOMDIR" and not path.name.startswith("."):
            unnamed.append(path)
    return any(_has_magic(path) for path in unnamed[:3])


def _has_magic(path: Path) -> bool:
    with path.open("rb") as handle:
        handle.seek(_MAGIC_AT)
        return handle.read(4) == b"DICM"


def list_series(folder: Path) -> list[list[Slice]]:
    """Return the CT stacks in a folder, each a list of slices, the longest first.

    Scouts, reports, segmentations and dose objects are passed over.

    Raises
    ------
    ScanRejected
        If there is no CT slice among the files, with what there is instead.
    """
    slices = [found for path in sorted(folder.iterdir()) if (found := _read_header(path))]
    if not slices:
        raise ScanRejected(f"{folder}: no file in it is a DICOM image; export the series again")
    usable = [s for s in slices if s.modality == "CT" and not s.localizer and s.orientation]
    if not usable:
        kinds = ", ".join(f"{n} x {kind}" for kind, n in Counter(map(_kind, slices)).items())
        raise ScanRejected(
            f"{folder}: holds no CT slices but {kinds}; only CT in Hounsfield units can be used"
        )
    if any(s.frames > 1 for s in usable):
        raise ScanRejected(
            f"{folder}: is an enhanced multi-frame CT; convert it to NIfTI, as dcm2niix does"
        )
    stacks = [stack for group in _grouped(usable, _series_key) for stack in _acquisitions(group)]
    return sorted(stacks, key=len, reverse=True)


def read_series(folder: Path) -> Image:
    """Read the one CT stack of a folder, rescaled to HU, with padding turned to air.

    Raises
    ------
    ScanRejected
        If there are several stacks, missing slices, a tilted gantry, or pixels
        that cannot be decoded.
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

    if not path.is_file() or path.name.startswith(".") or path.name == "DICOMDIR":
        return None
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
    except (InvalidDicomError, EOFError):
        return None
    if "Modality" not in header:
        return None
    return _to_slice(path, header)


def _to_slice(path: Path, header: Any) -> Slice:
    def numbers(name: str) -> tuple[float, ...]:
        return tuple(float(value) for value in header.get(name) or ())

    slope, intercept = (
        float(header.get("RescaleSlope", 1)),
        float(header.get("RescaleIntercept", 0)),
    )
    padding = header.get("PixelPaddingValue")
    spacing = numbers("PixelSpacing") or (0.0, 0.0)
    number, about = header.get("SeriesNumber", "?"), header.get("SeriesDescription", "no name")
    return Slice(
        path=path,
        series=str(header.get("SeriesInstanceUID", "")),
        acquisition=str(header.get("AcquisitionNumber", "")),
        description=f"series {number} '{about}'",
        modality=str(header.Modality),
        localizer="LOCALIZER" in (header.get("ImageType") or ()),
        frames=int(header.get("NumberOfFrames") or 1),
        shape=(int(header.get("Rows") or 0), int(header.get("Columns") or 0)),
        spacing_mm=(spacing[0], spacing[1]),
        orientation=numbers("ImageOrientationPatient"),
        position_mm=numbers("ImagePositionPatient"),
        padding_hu=None if padding is None else round(float(padding) * slope + intercept),
    )


def _kind(slice_: Slice) -> str:
    return "scout" if slice_.localizer else slice_.modality


def _series_key(slice_: Slice) -> tuple[Any, ...]:
    cosines = tuple(round(c, 3) for c in slice_.orientation)
    return slice_.series, cosines, slice_.shape, slice_.spacing_mm


def _grouped(slices: Sequence[Slice], key: Callable[[Slice], Any]) -> list[list[Slice]]:
    groups: dict[Any, list[Slice]] = defaultdict(list)
    for slice_ in slices:
        groups[key(slice_)].append(slice_)
    return list(groups.values())


def _acquisitions(group: list[Slice]) -> list[list[Slice]]:
    """Split a series by acquisition where slices of it lie upon each other."""
    places = Counter(_place(slice_) for slice_ in group)
    if max(places.values()) == 1:
        return [group]
    return _grouped(group, lambda slice_: slice_.acquisition)


def _place(slice_: Slice) -> float:
    """Return the distance of a slice along its normal, mm."""
    return round(float(np.dot(slice_.position_mm, slice_.normal)), 3)


def _stack(slices: list[Slice], folder: Path) -> Image:
    ordered = sorted(slices, key=_place)
    step_mm = _check_steps(ordered, folder)
    _check_tilt(ordered, folder)
    first = ordered[0]
    # A row runs along the columns' axis: the first cosines belong to the column index.
    along_row, along_column = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    affine = np.eye(4)
    affine[:3, 0] = along_row * first.spacing_mm[1]
    affine[:3, 1] = along_column * first.spacing_mm[0]
    affine[:3, 2] = first.normal * step_mm
    affine[:3, 3] = first.position_mm
    # DICOM's world runs left, posterior, superior.
    affine[:2] *= -1
    array = _read_pixels(ordered, folder)
    return Image(array, affine, (first.spacing_mm[1], first.spacing_mm[0], step_mm))


def _check_steps(ordered: list[Slice], folder: Path) -> float:
    """Return the slice spacing in mm if it is even."""
    places = np.array([_place(slice_) for slice_ in ordered])
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
    # The geometry was checked above; ITK warns of any rounding in it.
    shown = SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        array = SimpleITK.GetArrayFromImage(reader.Execute()).T
    except RuntimeError as failure:
        reason = str(failure).strip().splitlines()[-1]
        raise ScanRejected(
            f"{folder}: its pixels cannot be decoded ({reason}); export it uncompressed"
        ) from None
    finally:
        SimpleITK.ProcessObject.SetGlobalWarningDisplay(shown)
    for index, slice_ in enumerate(ordered):
        if slice_.padding_hu is not None and slice_.padding_hu < AIR_HU:
            plane = array[:, :, index]
            plane[plane <= slice_.padding_hu] = AIR_HU
    LOG.info("%s: %d slices of %s", folder, len(ordered), ordered[0].description)
    return array
