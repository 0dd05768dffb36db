"""What the readers and the checks have to say about two films, in sentences."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

from srnet.core.errors import SrnetError
from srnet.imaging.geometry import View

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
        """Return the finding as plain JSON types, for `spine.json`."""
        return asdict(self)


def printed(view: View) -> str:
    """Return how a view is called in a sentence."""
    return "AP" if view is View.AP else "lateral"


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, most severe first."""
    order = get_args(Severity)
    return sorted(findings, key=lambda finding: -order.index(finding.severity))


def refuse_or_warn(findings: list[Finding], *, force: bool) -> list[Finding]:
    """Return the findings, refusals turned into warnings if forced.

    Raises
    ------
    SrnetError
        With the sentences of all refusals on one line, if not forced.
    """
    refusals = [finding.sentence for finding in findings if finding.severity == "refusal"]
    if refusals and not force:
        raise SrnetError(f"{' '.join(refusals)} To reconstruct nevertheless, add --force.")
    return [
        replace(f, severity="warning", sentence=f"{f.sentence} Forced.")
        if f.severity == "refusal"
        else f
        for f in findings
    ]
