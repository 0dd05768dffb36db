"""Reader of radiographs in DICOM: CR, DX, XA and relatives.

Pixels are processed in the order of the standard: decoding, modality look-up, window or VOI
look-up, inversion of MONOCHROME1 so that bone is bright, and last padding is set to black.
Tags are read to decide and to compare, never copied.
"""

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.clinical.film_picture import Pixels, grey_of_colour
from srnet.clinical.findings import Finding, printed
from srnet.core.errors import SrnetError
from srnet.imaging.geometry import View
from srnet.imaging.xray import Grey

RADIOGRAPHS = ("CR", "DX", "XA", "RF", "RG", "DR", "OT", "SC", "")
TOWARDS = {View.AP: "L", View.LATERAL: "P"}
"""Where columns must run, as DICOM names it, for the two views."""
AWAY = {"L": "R", "P": "A", "F": "H"}
VIEWS = {"AP": "AP", "PA": "PA", "LL": "LL", "RL": "RL", "LAT": "lateral", "LATERAL": "lateral"}


def read_dicom(path: Path, view: View) -> Pixels:
    """Read one radiograph.

    Raises
    ------
    SrnetError
        If it is no DICOM file, no radiograph, has several frames, or its
        compression cannot be decoded.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about oddities that only the vendor could mend
            tags = pydicom.dcmread(path)
            _refuse_unsuitable(path, tags)
            grey = _grey(path, tags)
    except InvalidDicomError:
        raise SrnetError(f"{path}: is no DICOM file; export the film again") from None
    spacing, findings = _spacing(tags, view)
    flip, turned = _flip(tags, view)
    return Pixels(
        grey=grey,
        spacing_mm=spacing,
        flip=flip,
        claimed_view=VIEWS.get(str(tags.get("ViewPosition", "") or "").strip().upper(), ""),
        patient_key=_key(tags, "PatientID", "PatientName", "PatientBirthDate"),
        study_key=_key(tags, "StudyInstanceUID"),
        findings=(*findings, *turned, *_burnt_in(tags, view)),
    )


def _refuse_unsuitable(path: Path, tags: Any) -> None:
    modality = str(tags.get("Modality", "") or "")
    if modality not in RADIOGRAPHS:
        raise SrnetError(f"{path}: modality {modality} is no radiograph; give CR, DX or XA")
    frames = int(tags.get("NumberOfFrames", 1) or 1)
    if frames > 1:
        raise SrnetError(f"{path}: holds {frames} frames; export one of them as a still image")
    if "PixelData" not in tags:
        raise SrnetError(f"{path}: holds no pixels; export the image, not its report")


def _grey(path: Path, tags: Any) -> Grey:
    """Return the display values in [0, 1] with bone bright."""
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    try:
        stored = tags.pixel_array
    except (NotImplementedError, RuntimeError, ValueError, AttributeError) as failure:
        reason = str(failure).splitlines()[0]
        raise SrnetError(
            f"{path}: its pixels cannot be decoded ({reason}); export it uncompressed"
        ) from None
    if stored.ndim == 3:
        return grey_of_colour(path, stored)
    shown = apply_voi_lut(apply_modality_lut(stored, tags), tags).astype(np.float64)
    low, high = _display_range(tags, shown)
    unit = np.clip((shown - low) / (high - low), 0, 1).astype(np.float32)
    if tags.get("PhotometricInterpretation") == "MONOCHROME1":
        unit = np.float32(1) - unit
    return np.where(_padding(tags, stored), np.float32(0), unit)


def _display_range(tags: Any, shown: NDArray[np.float64]) -> tuple[float, float]:
    """Return the lowest and highest value that the format can display.

    The range of the picture itself would make two films with the same settings incomparable,
    and black would not stay black when MONOCHROME1 is inverted.
    """
    for sequence in ("VOILUTSequence", "ModalityLUTSequence"):
        if sequence in tags and tags[sequence].value:
            return 0.0, float(2 ** int(tags[sequence].value[0].LUTDescriptor[2]) - 1)
    bits = int(tags.BitsStored)
    signed = int(tags.get("PixelRepresentation", 0)) == 1
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    slope = float(tags.get("RescaleSlope", 1) or 1)
    intercept = float(tags.get("RescaleIntercept", 0) or 0)
    ends = sorted((low * slope + intercept, high * slope + intercept))
    return min(ends[0], float(shown.min())), max(ends[1], float(shown.max()))


def _padding(tags: Any, stored: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the mask of pixels that the file declares to lie outside the film."""
    value = tags.get("PixelPaddingValue")
    if value is None:
        return np.zeros(stored.shape, bool)
    limit = tags.get("PixelPaddingRangeLimit", value)
    low, high = sorted((int(value), int(limit)))
    return np.asarray((stored >= low) & (stored <= high))


def _spacing(tags: Any, view: View) -> tuple[tuple[float, float] | None, list[Finding]]:
    """Return the pixel spacing in the plane of the spine, and a finding if it is doubtful.

    `PixelSpacing` that differs from `ImagerPixelSpacing`, or comes with a
    calibration, already holds for the patient. Otherwise the detector's pitch
    is divided by the magnification.
    """
    at_patient, at_detector = _pair(tags, "PixelSpacing"), _pair(tags, "ImagerPixelSpacing")
    calibrated = bool(tags.get("PixelSpacingCalibrationType"))
    if at_patient and (calibrated or (at_detector and at_patient != at_detector)):
        return at_patient, []
    pitch = at_detector or at_patient or _pair(tags, "NominalScannedPixelSpacing")
    if pitch is None:
        return None, []
    factor = _magnification(tags)
    if factor is None:
        sentence = (
            f"The {printed(view)} file gives the pixel spacing at the detector but not the "
            "magnification: lengths come out too large, commonly by 5 to 30 %; give the spacing "
            "at the spine with --spacing."
        )
        return pitch, [Finding("magnification", "warning", sentence)]
    return (pitch[0] / factor, pitch[1] / factor), []


def _magnification(tags: Any) -> float | None:
    """Return how much larger the spine is on the detector, or None."""
    stated = float(tags.get("EstimatedRadiographicMagnificationFactor", 0) or 0)
    detector = float(tags.get("DistanceSourceToDetector", 0) or 0)
    patient = float(tags.get("DistanceSourceToPatient", 0) or 0)
    if stated >= 1:
        return stated
    return detector / patient if detector >= patient > 0 else None


def _pair(tags: Any, name: str) -> tuple[float, float] | None:
    value = tags.get(name)
    if value is None or len(value) != 2 or min(float(v) for v in value) <= 0:
        return None
    return float(value[0]), float(value[1])


def _flip(tags: Any, view: View) -> tuple[tuple[bool, bool], list[Finding]]:
    """Return how rows and columns must be reversed, by `PatientOrientation`."""
    orientation = [str(o) for o in (tags.get("PatientOrientation") or ())]
    towards = TOWARDS[view]
    if len(orientation) == 2 and orientation[0][:1] in (towards, AWAY[towards]):
        return (orientation[1][:1] == AWAY["F"], orientation[0][:1] == AWAY[towards]), []
    if tags.get("ViewPosition") == "PA":
        sentence = (
            "The PA film does not state how its columns run: it is taken to be shown as seen "
            "from the tube and was mirrored; if the film already shows the patient's right on "
            "the left, give --mirror ap."
        )
        return (False, True), [Finding("orientation", "warning", sentence)]
    return (False, False), []


def _burnt_in(tags: Any, view: View) -> list[Finding]:
    if str(tags.get("BurnedInAnnotation", "")).upper() != "YES":
        return []
    sentence = (
        f"The {printed(view)} file declares text burnt into the picture; mark a box without it."
    )
    return [Finding("burnt_in_text", "warning", sentence)]


def _key(tags: Any, *names: str) -> str:
    """Return a digest of tags that must agree between two films, or ''."""
    values = [str(tags.get(name, "") or "") for name in names]
    return hashlib.sha256("\0".join(values).encode()).hexdigest() if any(values) else ""
