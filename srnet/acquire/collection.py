"""Collections without a public address, which the user has in a folder.

BenMicrosoft unpacks to `spine-N/patientXXXX/.../*.nii.gz` and a flat `spine-test-data`; the layout
of MelihAslan is not known. In both, a folder named like a patient is a patient, otherwise the
outermost folder that is not part of the packaging, otherwise each file.
"""

import re
from pathlib import Path

from srnet.acquire.local import find_scans, read, scan_ids, stem
from srnet.acquire.scan import Scan
from srnet.config.cohort import CollectionSource
from srnet.core.errors import SrnetError

__all__ = ["list_source", "patient_of", "read"]

_PATIENT = re.compile(r"^(patient|case|subject|sub|pat|pt)[-_ ]?[A-Za-z]*\d+$", re.IGNORECASE)
_PACKAGING = re.compile(
    r"^(spine|data|images?|train|test|part|batch)([-_ ].*|\d*)$", re.IGNORECASE
)
_ENDING = re.compile(r"([_-](ct|scan|series)[_-]?\d*)+$", re.IGNORECASE)


def list_source(settings: CollectionSource) -> list[Scan]:
    """Return the scans of a collection, named after it.

    Raises
    ------
    SrnetError
        If the folder is missing or empty, with where to get the collection.
    """
    folder = Path(settings.path)
    try:
        found = find_scans(folder, settings.include)
    except SrnetError as mistake:
        raise SrnetError(
            f"{mistake}. The collection '{settings.kind}' cannot be downloaded for you; "
            "docs/data.md says who has it"
        ) from None
    places = [one.path.relative_to(folder) for one in found]
    scans = [
        Scan(
            scan_id=f"{settings.kind}-{name}",
            patient_id=f"{settings.kind}-{patient_of(place)}",
            source=settings.kind,
            files=tuple(map(str, one.files)),
            person=one.person,
        )
        for name, place, one in zip(scan_ids(places), places, found, strict=True)
    ]
    return scans[: settings.limit]


def patient_of(place: Path) -> str:
    """Return the patient that a path within a collection belongs to."""
    folders = place.parent.parts
    named = [part for part in folders if _PATIENT.match(part)]
    if named:
        return named[-1]
    others = [part for part in folders if not _PACKAGING.match(part)]
    if others:
        return others[0]
    return _ENDING.sub("", stem(place.name))
