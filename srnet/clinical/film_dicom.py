"""Reader of radiographs in DICOM: CR, DX, XA and relatives.

Pixels are processed in the order of the standard: decoding, modality look-up, window or VOI
look-up, inversion of MONOCHROME1 so that bone is bright, and last padding is set to black.
Tags are read to decide and to compare, never copied. What only serves the display and makes no
sense is left out of account with a warning; what decides the values is refused.
"""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.clinical.film_picture import PIXEL_MM, Pixels, grey_of_colour, refuse_large
from srnet.clinical.findings import Finding, printed
from srnet.core.errors import SrnetError
from srnet.core.rejection import is_shortage
from srnet.imaging.geometry import View
from srnet.imaging.stored_pixels import quiet_pydicom, read_dataset, stored_pixels, whole_number
from srnet.imaging.xray import Grey

RADIOGRAPHS = ("CR", "DX", "XA", "RF", "RG", "DR", "OT", "SC", "")
TOWARDS = {View.AP: "L", View.LATERAL: "P"}
"""Where columns must run, as DICOM names it, for the two views."""
AWAY = {"L": "R", "P": "A", "F": "H"}
VIEWS = {"AP": "AP", "PA": "PA", "LL": "LL", "RL": "RL", "LAT": "lateral", "LATERAL": "lateral"}
ASPECT = (0.1, 10.0)
"""Smallest and largest distance of rows, in distances of columns, that is believed."""


def read_dicom(path: Path, view: View) -> Pixels:
    """Read one radiograph.

    Raises
    ------
    SrnetError
        If it is no DICOM file, no radiograph, has several frames, its pixels cannot be decoded or
        are not as many as claimed, or a tag that decides their values makes no sense.
    """
    tags = read_dataset(path)
    with quiet_pydicom():
        _refuse_unsuitable(path, tags)
        grey, shown = _grey(path, view, tags)
        spacing, aspect, measured = _spacing(tags, view)
        transposed, flip, claimed, turned = _turn(tags, view)
        if transposed:
            grey, aspect = np.ascontiguousarray(grey.T), 1 / aspect
            spacing = None if spacing is None else (spacing[1], spacing[0])
        return Pixels(
            grey=grey,
            spacing_mm=spacing,
            aspect=aspect,
            flip=flip,
            transposed=transposed,
            claimed_view=VIEWS.get(_text(tags, "ViewPosition").upper(), claimed),
            patient_key=_key(tags, "PatientID", "PatientName", "PatientBirthDate"),
            study_key=_key(tags, "StudyInstanceUID"),
            findings=(*shown, *measured, *turned, *_burnt_in(tags, view)),
        )


def _refuse_unsuitable(path: Path, tags: Any) -> None:
    modality = _text(tags, "Modality")
    if modality not in RADIOGRAPHS:
        raise SrnetError(f"{path}: modality {modality} is no radiograph; give CR, DX or XA")
    frames = whole_number(tags, "NumberOfFrames", path, range(1, 1 << 31), 1)
    if frames > 1:
        raise SrnetError(f"{path}: holds {frames} frames; export one of them as a still image")
    if "PixelData" not in tags:
        raise SrnetError(f"{path}: holds no pixels; export the image, not its report")
    size = [whole_number(tags, name, path, range(1, 65536)) for name in ("Columns", "Rows")]
    refuse_large(path, *size)


def _grey(path: Path, view: View, tags: Any) -> tuple[Grey, list[Finding]]:
    """Return the display values in [0, 1] with bone bright, and what was left out of account."""
    kind = _text(tags, "PhotometricInterpretation").upper()
    if not kind.startswith(("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_")):
        raise _senseless(path, "PhotometricInterpretation")
    stored = stored_pixels(tags, path)
    if stored.ndim == 3:
        return grey_of_colour(path, stored, 2.0 ** int(tags.BitsStored) - 1), []
    if kind == "PALETTE COLOR":
        return grey_of_colour(path, _coloured(path, tags, stored)), []
    if not kind.startswith("MONOCHROME"):
        raise _senseless(path, "PhotometricInterpretation")
    values, low, high = _modality_values(path, tags, stored)
    unit, findings = _windowed(view, tags, values)
    if unit is None:
        # The range of the format and not of the picture, which would make two films with the
        # same settings incomparable, and inverted black no longer black.
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        unit = ((values.astype(np.float64) - low) / (high - low)).astype(np.float32)
    if kind == "MONOCHROME1":
        unit = np.float32(1) - unit
    outside, padded = _padding(view, tags, stored)
    if outside is not None:
        unit[outside] = 0
    return unit, findings + padded


def _coloured(path: Path, tags: Any, stored: NDArray[Any]) -> NDArray[Any]:
    """Return red, green and blue, (rows, columns, 3), by the palette of the file."""
    from pydicom.pixels.processing import apply_color_lut

    try:
        return np.asarray(apply_color_lut(stored, tags))
    except Exception as failure:  # pydicom raises many kinds of errors on odd palettes.
        if is_shortage(failure):
            raise
        raise SrnetError(
            f"{path}: its palette of colours makes no sense; export the film in grey"
        ) from None


def _modality_values(
    path: Path, tags: Any, stored: NDArray[Any]
) -> tuple[NDArray[Any], float, float]:
    """Return the values after the modality look-up, and the range of the format."""
    from pydicom.pixels.processing import apply_modality_lut

    name = "ModalityLUTSequence"
    if tags.get(name):
        try:
            bits = int(tags[name].value[0].LUTDescriptor[2])
            return apply_modality_lut(stored, tags), 0.0, float(2**bits - 1)
        except Exception as failure:  # pydicom raises many kinds of errors on odd tables.
            if is_shortage(failure):
                raise
            raise _senseless(path, name) from None
    scale = []
    for name, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0)):
        numbers = _numbers(tags, name)
        if numbers is None or len(numbers) > 1 or any(abs(number) > 1e12 for number in numbers):
            raise _senseless(path, name)
        scale.append(numbers[0] if numbers else default)
    slope, intercept = scale
    if abs(slope) < 1e-12:
        raise _senseless(path, "RescaleSlope")
    bits, signed = int(tags.BitsStored), int(tags.PixelRepresentation) == 1
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    ends = sorted((low * slope + intercept, high * slope + intercept))
    values = stored if (slope, intercept) == (1, 0) else stored * slope + intercept
    return values, ends[0], ends[1]


def _senseless(path: Path, name: str) -> SrnetError:
    return SrnetError(
        f"{path}: its tag {name} is missing or makes no sense, and without it the pixels cannot "
        "be understood; export the film again"
    )


def _windowed(
    view: View, tags: Any, values: NDArray[Any]
) -> tuple[NDArray[np.float32] | None, list[Finding]]:
    """Return values in [0, 1] by the VOI look-up or the window, None if there is none of sense."""
    ignored = []
    for name, apply in (("VOILUTSequence", _by_table), ("WindowWidth", _by_window)):
        try:
            unit = apply(tags, values)
        except Exception as failure:  # Tables and windows of every oddity end here.
            if is_shortage(failure):
                raise
            ignored.append(name)
            continue
        if unit is None:
            continue
        if float(unit.max()) > float(unit.min()) or float(values.max()) == float(values.min()):
            return unit, [_ignored_window(view, other) for other in ignored]
        ignored.append(name)
    return None, [_ignored_window(view, name) for name in ignored]


def _ignored_window(view: View, name: str) -> Finding:
    sentence = (
        f"The {printed(view)} file states a window that makes no sense ({name}), which was left "
        "out of account: the film is shown in the full range of its format."
    )
    return Finding("window", "warning", sentence)


def _by_table(tags: Any, values: NDArray[Any]) -> NDArray[np.float32] | None:
    """Return values in [0, 1] by the first VOI look-up table, None if the file has none."""
    from pydicom.pixels.processing import apply_voi

    if not tags.get("VOILUTSequence"):
        return None
    top = 2 ** int(tags.VOILUTSequence[0].LUTDescriptor[2]) - 1
    return np.clip(apply_voi(values, tags) / np.float64(top), 0, 1).astype(np.float32)


def _by_window(tags: Any, values: NDArray[Any]) -> NDArray[np.float32] | None:
    """Return values in [0, 1] by the first window, None if the file has none.

    The formulas are those of the standard, PS3.3 C.11.2.1.2.

    Raises
    ------
    ValueError
        If the window makes no sense.
    """
    centres, widths = _numbers(tags, "WindowCenter"), _numbers(tags, "WindowWidth")
    if centres == () and widths == ():
        return None
    if not centres or not widths:
        raise ValueError("half a window")
    centre, width = centres[0], widths[0]
    function = _text(tags, "VOILUTFunction").upper() or "LINEAR"
    if width < (1 if function == "LINEAR" else 1e-12):
        raise ValueError("a window without width")
    away = values.astype(np.float64) - centre
    if function == "SIGMOID":
        unit = 1 / (1 + np.exp(np.clip(-4 * away / width, -700, 700)))
    elif function == "LINEAR_EXACT":
        unit = away / width + 0.5
    elif function == "LINEAR":
        unit = (away + 0.5) / max(width - 1, 1e-12) + 0.5
    else:
        raise ValueError("an unknown function")
    return np.clip(unit, 0, 1).astype(np.float32)


def _padding(
    view: View, tags: Any, stored: NDArray[Any]
) -> tuple[NDArray[np.bool_] | None, list[Finding]]:
    """Return the mask of pixels that the file declares to lie outside the film, if any."""
    try:
        value = tags.get("PixelPaddingValue")
        limit = tags.get("PixelPaddingRangeLimit")
        if value is None or value == "":
            return None, []
        ends = int(value), int(value if limit is None or limit == "" else limit)
    except (TypeError, ValueError, OverflowError):
        sentence = (
            f"The {printed(view)} file states a padding that makes no sense (PixelPaddingValue), "
            "which was left out of account: what lies outside the film may be bright."
        )
        return None, [Finding("padding", "warning", sentence)]
    return np.asarray((stored >= min(ends)) & (stored <= max(ends))), []


def _spacing(tags: Any, view: View) -> tuple[tuple[float, float] | None, float, list[Finding]]:
    """Return the pixel spacing in the plane of the spine, the aspect, and what is doubtful.

    `PixelSpacing` that differs from `ImagerPixelSpacing`, or comes with a
    calibration, already holds for the patient. Otherwise the detector's pitch
    is divided by the magnification.
    """
    names = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
    findings: list[Finding] = []
    at_patient, at_detector, scanned = (_pair(tags, name, view, findings) for name in names)
    if at_patient and (
        _text(tags, "PixelSpacingCalibrationType") or at_detector not in (None, at_patient)
    ):
        return at_patient, 1.0, findings
    pitch = at_detector or at_patient or scanned
    if pitch is None:
        return None, _aspect(tags, view, findings), findings
    factor = _magnification(tags)
    if factor is None:
        sentence = (
            f"The {printed(view)} file gives the pixel spacing at the detector but not the "
            "magnification: lengths come out too large, commonly by 5 to 30 %; give the spacing "
            "at the spine with --spacing."
        )
        return pitch, 1.0, [*findings, Finding("magnification", "warning", sentence)]
    return (pitch[0] / factor, pitch[1] / factor), 1.0, findings


def _magnification(tags: Any) -> float | None:
    """Return how much larger the spine is on the detector, or None."""
    names = ("DistanceSourceToDetector", "DistanceSourceToPatient")
    stated, detector, patient = (
        (_numbers(tags, name) or (0.0,))[0]
        for name in ("EstimatedRadiographicMagnificationFactor", *names)
    )
    if 1 <= stated <= ASPECT[1]:
        return stated
    return detector / patient if detector >= patient > detector / ASPECT[1] else None


def _pair(tags: Any, name: str, view: View, findings: list[Finding]) -> tuple[float, float] | None:
    """Return the two numbers of a spacing, None if it is missing or makes no sense."""
    numbers = _numbers(tags, name)
    if numbers == ():
        return None
    low, high = PIXEL_MM
    if numbers is None or len(numbers) != 2 or not low <= min(numbers) <= max(numbers) <= high:
        sentence = (
            f"The {printed(view)} file states a spacing that makes no sense ({name}), which was "
            "left out of account; give --spacing in mm."
        )
        findings.append(Finding("spacing", "warning", sentence))
        return None
    if "," in _raw_text(tags, name):
        sentence = (
            f"The {printed(view)} file writes {name} with a decimal comma, which was read as "
            f"{numbers[0]:g} x {numbers[1]:g} mm; if that is wrong, give --spacing in mm."
        )
        findings.append(Finding("spacing", "warning", sentence))
    return numbers[0], numbers[1]


def _aspect(tags: Any, view: View, findings: list[Finding]) -> float:
    """Return the distance of rows over that of columns, where a file states only this."""
    numbers = _numbers(tags, "PixelAspectRatio")
    if numbers == ():
        return 1.0
    if numbers and len(numbers) == 2 and min(numbers) > 0:
        low, high = ASPECT
        if low <= numbers[0] / numbers[1] <= high:
            return numbers[0] / numbers[1]
    sentence = (
        f"The {printed(view)} file states an aspect of pixels that makes no sense "
        "(PixelAspectRatio), which was left out of account; give --spacing in mm."
    )
    findings.append(Finding("spacing", "warning", sentence))
    return 1.0


def _turn(tags: Any, view: View) -> tuple[bool, tuple[bool, bool], str, list[Finding]]:
    """Return how the film must be turned, by `PatientOrientation`.

    Returns
    -------
    Whether rows and columns must be exchanged, how they must be reversed after that, the view
    that the film shows if it is the other one, and a finding if this is doubtful.
    """
    stated = _text(tags, "PatientOrientation").upper()
    runs = [word.strip()[:1] for word in stated.split("\\")]
    towards, other = TOWARDS[view], TOWARDS[View.LATERAL if view is View.AP else View.AP]
    for transposed in (False, True):
        columns, rows = (runs[::-1] if transposed else runs) if len(runs) == 2 else ("", "")
        if rows not in ("F", AWAY["F"]):
            continue
        if columns in (towards, AWAY[towards]):
            flip = rows == AWAY["F"], columns == AWAY[towards]
            return transposed, flip, "", _lying(view) if transposed else []
        if columns in (other, AWAY[other]):
            shown = "AP" if view is View.LATERAL else "lateral"
            return False, (False, False), shown, _unclear(view)
    if stated:
        return False, (False, False), "", _unclear(view)
    if _text(tags, "ViewPosition").upper() == "PA":
        sentence = (
            "The PA film does not state how its columns run: it is taken to be shown as seen "
            "from the tube and was mirrored; if the film already shows the patient's right on "
            "the left, give --mirror ap."
        )
        return False, (False, True), "", [Finding("orientation", "warning", sentence)]
    return False, (False, False), "", []


def _lying(view: View) -> list[Finding]:
    sentence = (
        f"The {printed(view)} film lies on its side, as its PatientOrientation says, and was "
        "turned; its box counts on the film as it is stored."
    )
    return [Finding("orientation", "note", sentence)]


def _unclear(view: View) -> list[Finding]:
    sentence = (
        f"The {printed(view)} file states directions that no such film has (PatientOrientation), "
        "which were left out of account: make sure that its top is up, and its left side where "
        f"it belongs, or give --mirror {view.value}."
    )
    return [Finding("orientation", "warning", sentence)]


def _burnt_in(tags: Any, view: View) -> list[Finding]:
    if _text(tags, "BurnedInAnnotation").upper() != "YES":
        return []
    sentence = (
        f"The {printed(view)} file declares text burnt into the picture; mark a box without it."
    )
    return [Finding("burnt_in_text", "warning", sentence)]


def _key(tags: Any, *names: str) -> str:
    """Return a digest of tags that must agree between two films, or ''."""
    values = [_text(tags, name) for name in names]
    return hashlib.sha256("\0".join(values).encode()).hexdigest() if any(values) else ""


def _text(tags: Any, name: str) -> str:
    """Return a tag as text, several values parted by backslashes; '' if it cannot be read."""
    try:
        value = tags.get(name)
    except Exception:  # pydicom raises many kinds of errors on odd values.
        return ""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "\\".join(map(str, value))
    return str(value or "").strip()


def _raw_text(tags: Any, name: str) -> str:
    """Return a tag of numbers as the file writes it."""
    element = tags.get_item(name)
    value = "" if element is None or element.value is None else element.value
    if isinstance(value, bytes):
        return value.decode("latin-1").strip(" \0")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\\".join(map(str, value))
    return str(value)


def _numbers(tags: Any, name: str) -> tuple[float, ...] | None:
    """Return the numbers of a tag: () if there are none, None if they are no numbers.

    A comma counts as a decimal point, as some devices write it.
    """
    text = _raw_text(tags, name)
    if not text.strip("\\ "):
        return ()
    try:
        numbers = tuple(float(word.replace(",", ".")) for word in text.split("\\"))
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None
