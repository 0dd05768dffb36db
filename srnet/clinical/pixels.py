"""What the reader of every film format hands over.

What the checks have to say about two films, in sentences.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from srnet.core.errors import SrnetError
from srnet.imaging.geometry import View
from srnet.imaging.xray import Grey

Severity = Literal["note", "warning", "refusal"]


@dataclass(frozen=True)
class Finding:
    """One thing that a reader of the result must know.

    Attributes
    ----------
    check
        Short name of the check, such as `same_film`.
    severity
        A refusal stops the reconstruction unless it is forced.
    sentence
        What was seen, with the value, and the cure. It never holds a file
        name or a DICOM value that could identify the patient.
    """

    check: str
    severity: Severity
    sentence: str

    def plain(self) -> dict[str, str]:
        """Return the finding as plain JSON types, for the sidecar."""
        return asdict(self)


def printed(view: View) -> str:
    """Return how a view is called in a sentence."""
    return "AP" if view is View.AP else "lateral"


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, most severe first."""
    order = get_args(Severity)
    return sorted(findings, key=lambda finding: -order.index(finding.severity))


def refuse_or_warn(findings: Iterable[Finding], *, force: bool) -> list[Finding]:
    """Return the findings, refusals turned into warnings if forced.

    Raises
    ------
    SrnetError
        With the sentences of all refusals on one line, if not forced.
    """
    listed = list(findings)
    refusals = [finding for finding in listed if finding.severity == "refusal"]
    if refusals and not force:
        text = " ".join(finding.sentence for finding in refusals)
        raise SrnetError(f"{text} To go on all the same, as a plumbing check, add --force.")
    return [
        Finding(f.check, "warning", f"{f.sentence} Forced.") if f.severity == "refusal" else f
        for f in listed
    ]


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
