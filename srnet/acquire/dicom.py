"""Read a DICOM series: exactly one stack of parallel, evenly spaced CT slices.

Slices are ordered by their position along the slice normal, never by name or number. Series and
acquisitions that share a folder are told apart. A stack with gaps, or sheared by a tilted gantry,
is rejected with the reason. Numbers are compared with the tolerance that their text has.
"""

import logging
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.acquire.dicom_headers import Slice, read_slices
from srnet.core.errors import ScanRejected
from srnet.core.rejection import is_shortage
from srnet.imaging.image import DENSEST_LARGE, LARGE, Image, plain_reason
from srnet.imaging.volume import AIR_HU

LOG = logging.getLogger(__name__)

_SMALLEST_STACK = 4
_STEP_TOLERANCE = 0.1
"""Share of a step by which distances may differ, without hiding a missing slice."""
_COSINE_TOLERANCE = 0.002
_SPACING_TOLERANCE = 0.001
_LARGEST_SHEAR = 0.01
_LARGEST_SHIFT = 0.5
"""Pixels by which neighbours may lie beside each other."""
_SAME_PLACE_MM = 0.001
_INT16 = np.iinfo(np.int16)


def list_series(paths: Iterable[Path]) -> list[list[Slice]]:
    """Return the CT stacks in folders and files, each a list of slices, the longest first.

    Raises
    ------
    ScanRejected
        If a file looks like a slice and cannot be read, see `read_slices`, or if slices of one
        series are of different kinds.
    """
    slices = read_slices(paths)
    series = Counter(slice_.series for slice_ in slices)
    if len(slices) >= _SMALLEST_STACK and len(series) == len(slices):
        # Some programs give every slice a series of its own.
        slices = [replace(slice_, series=slice_.description) for slice_ in slices]
    stacks = [
        stack
        for group in _grouped(slices, lambda slice_: slice_.series)
        for alike in _alike(group)
        for stack in _acquisitions(alike)
    ]
    return sorted(stacks, key=len, reverse=True)


def read_series(paths: Iterable[Path]) -> Image:
    """Read the only CT stack of folders or files, rescaled to HU, with padding turned to air.

    Raises
    ------
    ScanRejected
        If there are several stacks, missing slices, a tilted gantry, or pixels that cannot be
        decoded.
    """
    paths = list(paths)
    where = ", ".join(map(str, paths))
    found = list_series(paths)
    stacks = [stack for stack in found if len(stack) >= _SMALLEST_STACK]
    if not stacks:
        raise ScanRejected(
            f"{where}: has fewer than {_SMALLEST_STACK} CT slices of one series; "
            "export the whole series, and give its folder"
        )
    if len(stacks) > 1:
        held = "; ".join(f"{stack[0].description}: {len(stack)} slices" for stack in stacks)
        raise ScanRejected(
            f"{where}: holds {len(stacks)} CT series or acquisitions ({held}); give each a "
            "folder of its own, as `srnet scans split-dicom FOLDER OUT` does"
        )
    for few in (stack for stack in found if len(stack) < _SMALLEST_STACK):
        _check_few(few, stacks[0], where)
    return _stack(stacks[0], where)


def _check_few(few: list[Slice], stack: list[Slice], where: str) -> None:
    """Pass over a few slices of another series, or refuse them where they may be of the stack."""
    one, other = few[0], stack[0]
    strange = one.description == other.description and _is_alike(one, other)
    if one.series == other.series or strange:
        what = "series" if strange and one.series != other.series else "size, direction or time"
        raise ScanRejected(
            f"{where}: {len(few)} of {len(few) + len(stack)} slices of {other.description} differ "
            f"from the others in {what}, such as {one.name}; export the series again, or take "
            "them out if they do not belong to it"
        )
    LOG.warning("%s: %d slices of %s are passed over", where, len(few), one.description)


def _grouped(slices: Sequence[Slice], key: Callable[[Slice], Any]) -> list[list[Slice]]:
    groups: dict[Any, list[Slice]] = defaultdict(list)
    for slice_ in slices:
        groups[key(slice_)].append(slice_)
    return list(groups.values())


def _alike(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Part slices of one series by their size, direction and voxel size."""
    groups: list[list[Slice]] = []
    for slice_ in slices:
        home = next((group for group in groups if _is_alike(slice_, group[0])), None)
        if home is None:
            groups.append([slice_])
        else:
            home.append(slice_)
    return groups


def _is_alike(one: Slice, other: Slice) -> bool:
    cosines = np.abs(np.subtract(one.orientation, other.orientation)).max()
    decimals = max(one.decimals[0], other.decimals[0])
    # Half a millimetre is a number, not a rounded one.
    last_digit = 10.0**-decimals if decimals > 1 else 0.0
    spacing = np.abs(np.subtract(one.spacing_mm, other.spacing_mm))
    tolerance = np.maximum(_SPACING_TOLERANCE * np.array(one.spacing_mm), 1.001 * last_digit)
    return (
        one.shape == other.shape
        and bool(cosines <= _COSINE_TOLERANCE)
        and bool(np.all(spacing <= tolerance))
    )


def _acquisitions(group: list[Slice]) -> list[list[Slice]]:
    """Split a series by acquisition, unless its acquisitions follow each other along the body.

    Acquisitions whose ranges overlap are separate stacks, except on scanners that number every
    slice as an acquisition of its own, and where the slices are numbered along the body.
    """
    parts = _grouped(group, lambda slice_: slice_.acquisition)
    normal = _normal(group)
    ends = [[float(np.dot(slice_.position_mm, normal)) for slice_ in part] for part in parts]
    spans = sorted((min(places), max(places)) for places in ends)
    consecutive = all(one[1] < following[0] for one, following in pairwise(spans))
    stacks = max(map(len, parts)) >= _SMALLEST_STACK
    return parts if stacks and not consecutive and not _are_numbered(group, normal) else [group]


def _are_numbered(slices: Sequence[Slice], normal: NDArray[np.float64]) -> bool:
    """Tell whether the numbers of slices run along the body, each slice having its own."""
    ordered = sorted(slices, key=lambda slice_: float(np.dot(slice_.position_mm, normal)))
    numbers = [slice_.number for slice_ in ordered]
    steps = {later - earlier for earlier, later in pairwise(n for n in numbers if n is not None)}
    return None not in numbers and (min(steps, default=0) > 0 or max(steps, default=0) < 0)


def _axes(slices: Sequence[Slice]) -> NDArray[np.float64]:
    """Return the directions of a row and of a column, (2, 3), the middle of what slices state."""
    axes = np.median([slice_.orientation for slice_ in slices], axis=0).reshape(2, 3)
    return np.asarray(axes / np.linalg.norm(axes, axis=1, keepdims=True))


def _normal(slices: Sequence[Slice]) -> NDArray[np.float64]:
    return np.asarray(np.cross(*_axes(slices)))


def _stack(slices: list[Slice], where: str) -> Image:
    """Return the image of one stack; its affine turns LPS into RAS."""
    axes, normal = _axes(slices), _normal(slices)
    ordered = sorted(slices, key=lambda one: (float(np.dot(one.position_mm, normal)), one.name))
    _check_alike(ordered, where)
    ordered = _without_copies(ordered, normal, where)
    if len(ordered) < _SMALLEST_STACK:
        raise ScanRejected(
            f"{where}: has only {len(ordered)} different slices; export all of them"
        )
    places = np.array([np.dot(slice_.position_mm, normal) for slice_ in ordered])
    step_mm = _check_steps(ordered, places, where)
    down, right = np.median([slice_.spacing_mm for slice_ in ordered], axis=0)
    _check_tilt(ordered, axes, min(down, right), where)
    affine = np.eye(4)
    # The first cosines are those along a row, in which the column index increases.
    affine[:3, 0] = axes[0] * right
    affine[:3, 1] = axes[1] * down
    affine[:3, 2] = normal * step_mm
    affine[:3, 3] = ordered[0].position_mm
    affine[:2] *= -1
    array = _read_pixels(ordered, where)
    LOG.info("%s: %d slices of %s", where, len(ordered), ordered[0].description)
    return Image(array, affine, (float(right), float(down), step_mm))


def _check_alike(slices: list[Slice], where: str) -> None:
    """Refuse a stack of which some slices are stored otherwise than the others."""
    layout, _ = Counter(slice_.layout for slice_ in slices).most_common(1)[0]
    odd = [slice_ for slice_ in slices if slice_.layout != layout]
    if odd:
        raise ScanRejected(
            f"{where}: {len(odd)} of {len(slices)} CT slices are stored as "
            f"{' '.join(odd[0].layout)} and the others as {' '.join(layout)}, such as "
            f"{odd[0].name}; export the series again"
        )
    for index, name in enumerate(("RescaleSlope", "RescaleIntercept")):
        without = [slice_ for slice_ in slices if slice_.scale[index] is None]
        if without and len(without) < len(slices):
            raise ScanRejected(
                f"{where}: {len(without)} of {len(slices)} CT slices have no {name}, such as "
                f"{without[0].name}; export the series again"
            )
    if int(layout[1] or 1) != 1:
        raise ScanRejected(f"{where}: its slices are colour images; export the CT itself")


def _without_copies(ordered: list[Slice], normal: NDArray[np.float64], where: str) -> list[Slice]:
    """Return the slices without those that repeat the one before them, place and pixels."""
    kept: list[Slice] = []
    for slice_ in ordered:
        apart = np.subtract(slice_.position_mm, kept[-1].position_mm) if kept else None
        if apart is None or abs(float(np.dot(apart, normal))) > _SAME_PLACE_MM:
            kept.append(slice_)
        elif np.linalg.norm(apart) > _SAME_PLACE_MM or not np.array_equal(
            _values(slice_, where), _values(kept[-1], where)
        ):
            places = Counter(
                round(float(np.dot(one.position_mm, normal)) / _SAME_PLACE_MM) for one in ordered
            )
            shared = sum(count for count in places.values() if count > 1)
            raise ScanRejected(
                f"{where}: {shared} of {len(ordered)} slices share a position, such as "
                f"{kept[-1].name} and {slice_.name} ({slice_.description}); several exposures are "
                "mixed, so export one of them"
            )
    if len(kept) < len(ordered):
        LOG.info("%s: %d copies of slices are passed over", where, len(ordered) - len(kept))
    return kept


def _check_steps(ordered: list[Slice], places: NDArray[np.float64], where: str) -> float:
    """Return the slice spacing in mm if it is even, as far as the text of positions tells."""
    steps = np.diff(places)
    step = float(np.median(steps))
    decimals = max(slice_.decimals[1] for slice_ in ordered)
    # A distance between two rounded positions may be off by one in their last digit.
    rounding = 1.001 * 10.0**-decimals if decimals else 0.0
    tolerance = _STEP_TOLERANCE * step + min(rounding, 0.35 * step)
    even = np.linspace(places[0], places[-1], len(places))
    wrong = np.flatnonzero(np.abs(steps - step) > tolerance)
    if not len(wrong) and np.all(np.abs(places - even) <= tolerance):
        return float(places[-1] - places[0]) / (len(places) - 1)
    at = int(wrong[0]) if len(wrong) else int(np.argmax(np.abs(np.diff(places - even))))
    slot = f"after slice {at + 1} of {len(ordered)} ({ordered[at].name})"
    gaps = np.rint(steps[wrong] / step)
    whole = np.all((gaps >= 2) & (np.abs(steps[wrong] - gaps * step) <= tolerance * gaps))
    # A gap is a place, whereas a new distance goes on.
    lasting = len(wrong) > 2 and np.any(np.diff(wrong, n=2) == 0) and np.all(np.diff(wrong) == 1)
    if len(wrong) and whole and not lasting:
        raise ScanRejected(
            f"{where}: {int(np.sum(gaps - 1))} slices are missing: the step is {step:g} mm but "
            f"{steps[at]:g} mm {slot}; export the whole series again"
        )
    turn = int(np.argmax(np.abs(np.diff(steps))))
    raise ScanRejected(
        f"{where}: its slices are unevenly spaced: the distance changes from {steps[turn]:g} to "
        f"{steps[turn + 1]:g} mm after slice {turn + 2} of {len(ordered)} "
        f"({ordered[turn + 1].name}); resample it to one distance, or give a part that has one"
    )


def _check_tilt(
    ordered: list[Slice], axes: NDArray[np.float64], pixel_mm: float, where: str
) -> None:
    """Refuse a stack whose slices are shifted against each other in their plane."""
    positions = np.array([slice_.position_mm for slice_ in ordered])
    beside = np.diff(positions @ axes.T, axis=0)
    odd = np.linalg.norm(beside - np.median(beside, axis=0), axis=1)
    if odd.max() > _LARGEST_SHIFT * pixel_mm:
        at = int(np.argmax(odd))
        raise ScanRejected(
            f"{where}: slice {at + 2} of {len(ordered)} ({ordered[at + 1].name}) lies "
            f"{odd[at]:.1f} mm beside the slice before it; export the series again"
        )
    drift = positions[-1] - positions[0]
    sideways = float(np.linalg.norm(axes @ drift))
    along = float(np.dot(drift, np.cross(*axes)))
    if sideways > _LARGEST_SHEAR * along:
        angle = np.rad2deg(np.arctan2(sideways, along))
        raise ScanRejected(
            f"{where}: the gantry was tilted by {angle:.1f} degrees, so the slices are sheared; "
            "correct the tilt, as `dcm2niix` does, and give the NIfTI file it writes"
        )


def _read_pixels(ordered: list[Slice], where: str) -> NDArray[Any]:
    """Return HU indexed [column, row, slice]."""
    claimed = 2 * len(ordered) * math.prod(ordered[0].shape)
    held = sum(path.stat().st_size for path in {slice_.path for slice_ in ordered})
    if claimed > max(LARGE, DENSEST_LARGE * held):
        raise ScanRejected(
            f"{where}: its headers claim {claimed / 2**30:.1f} GiB of pixels, packed into "
            f"{held / 2**20:.1f} MiB, which no scan can be; export the series again"
        )
    planes: NDArray[Any] = np.empty((len(ordered), *ordered[0].shape), np.int16)
    for index, slice_ in enumerate(ordered):
        values = _values(slice_, where)
        if slice_.padding_hu is not None and slice_.padding_hu < AIR_HU:
            values[values <= slice_.padding_hu] = AIR_HU
        fits = (
            values.dtype.kind == "i" and _INT16.min <= values.min() <= values.max() <= _INT16.max
        )
        if not fits and planes.dtype == np.int16:
            planes = planes.astype(np.float32)
        planes[index] = values
    return planes.T


def _values(slice_: Slice, where: str) -> NDArray[Any]:
    """Return the HU of a slice, (rows, columns)."""
    if slice_.stored is None and slice_.frames == 1:
        return _decoded(slice_, where, _read_by_itk)
    stored = (
        _decoded(slice_, where, _read_by_pydicom)
        if slice_.stored is None
        else np.fromfile(
            slice_.path, slice_.stored, math.prod(slice_.shape), offset=slice_.start
        ).reshape(slice_.shape)
    )
    stored = _signed(stored, slice_.bits)
    slope, intercept = slice_.scale
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if slope == int(slope) and intercept == int(intercept):
        wide = np.int64 if stored.dtype.itemsize > 2 else np.int32
        return stored.astype(wide) * int(slope) + int(intercept)
    return stored * slope + intercept


def _signed(stored: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return numbers whose sign stands in a lower bit than the highest one with that sign.

    Most writers repeat the sign in the bits above; where they did, nothing changes.
    """
    half = 1 << max(bits - 1, 0)
    if stored.dtype.kind != "i" or not 0 < bits < 8 * stored.dtype.itemsize:
        return stored
    if stored.min() < 0 or not half <= stored.max() < 2 * half:
        return stored
    return np.asarray(np.where(stored >= half, stored - 2 * half, stored), stored.dtype)


def _decoded(slice_: Slice, where: str, read: Callable[[Slice], NDArray[Any]]) -> NDArray[Any]:
    """Return what a library makes of packed pixels, (rows, columns)."""
    try:
        plane = read(slice_)
    except Exception as failure:  # Decoders raise many kinds of errors.
        if is_shortage(failure):
            raise
        reason = plain_reason(failure, slice_.path)
        raise ScanRejected(
            f"{where}: the pixels of {slice_.name} cannot be decoded ({reason}); export it "
            "uncompressed"
        ) from None
    if plane.shape != slice_.shape:
        shape = "x".join(map(str, plane.shape))
        raise ScanRejected(
            f"{where}: {slice_.name} unpacks to {shape} pixels where its header claims "
            f"{slice_.shape[0]}x{slice_.shape[1]}; export the series again"
        )
    return plane if plane.dtype.kind == "f" else plane.astype(np.int32)


def _read_by_pydicom(slice_: Slice) -> NDArray[Any]:
    """Return the stored numbers of one of several frames."""
    from pydicom.pixels.utils import pixel_array

    return pixel_array(slice_.path, index=slice_.frame, raw=True)


def _read_by_itk(slice_: Slice) -> NDArray[Any]:
    """Return the HU of the only slice of a file."""
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(slice_.path))
    # The geometry is checked elsewhere; ITK warns even of rounding.
    shown = SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        return np.asarray(SimpleITK.GetArrayFromImage(reader.Execute())[0])
    finally:
        SimpleITK.ProcessObject.SetGlobalWarningDisplay(shown)
