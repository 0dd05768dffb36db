"""What the reader of every film format hands over."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.clinical.findings import Finding

__all__ = ["Grey", "Pixels"]

Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Pixels:
    """What a format's reader hands over.

    Attributes
    ----------
    grey
        (rows, columns) in [0, 1] as stored, bone bright as far as the file says.
    spacing_mm
        Distance of rows and of columns in the plane of the spine, or None.
    flip
        Whether rows and columns must be reversed to run from superior to
        inferior, and from right to left (AP) or anterior to posterior (lateral).
    claimed_view
        The view that the file claims: AP, PA, LL, RL, lateral; '' if silent.
    full_scale_hu_mm
        Line integral at grey 1 where the image is a DRR of this package, else 0.
    patient_key, study_key
        Digests that tell two patients or studies apart; kept in memory only.
    findings
        What the reader has to say.
    """

    grey: Grey
    spacing_mm: tuple[float, float] | None = None
    flip: tuple[bool, bool] = (False, False)
    claimed_view: str = ""
    full_scale_hu_mm: float = 0.0
    patient_key: str = ""
    study_key: str = ""
    findings: tuple[Finding, ...] = ()
