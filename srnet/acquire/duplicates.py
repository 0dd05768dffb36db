"""Find one scan in two collections by its voxels.

Names do not help: the thirty gl scans of VerSe'20 may be scans of BenMicrosoft under other
numbers, and no table says which.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from srnet.acquire.scan import Scan
from srnet.imaging.volume import AIR_HU, Volume

_HIGHEST_HU = 3071


def voxel_hash(volume: Volume) -> str:
    """Return a digest of the voxels of a canonical CT, 64 hexadecimal digits.

    Spacing and position do not count, since headers of collections differ in rounding. Values
    below air, which are padding, and above those of a 12-bit CT are clipped.
    """
    hu = np.clip(np.rint(volume.array), AIR_HU, _HIGHEST_HU).astype("<i2")
    digest = hashlib.sha256(repr(hu.shape).encode())
    digest.update(np.ascontiguousarray(hu).tobytes())
    return digest.hexdigest()


def find_repeats(scans: Sequence[Scan], digests: Mapping[str, str]) -> dict[str, str]:
    """Return for each repeated scan the one before it with the same voxels.

    Parameters
    ----------
    scans
        The cohort, in the order in which scans are preferred.
    digests
        `voxel_hash` by scan id; scans without one are left out.
    """
    first: dict[str, str] = {}
    repeats = {}
    for scan in scans:
        if digest := digests.get(scan.scan_id):
            kept = first.setdefault(digest, scan.scan_id)
            if kept != scan.scan_id:
                repeats[scan.scan_id] = kept
    return repeats


def merge_patients(scans: Sequence[Scan], repeats: Mapping[str, str]) -> list[Scan]:
    """Return the scans without repeats, with one patient id for each person.

    Two collections that share a scan share its patient, whose other scans must be in the same
    part of the split.
    """
    return [scan for scan in unite_patients(scans, repeats) if scan.scan_id not in repeats]


def unite_patients(scans: Sequence[Scan], same: Mapping[str, str]) -> list[Scan]:
    """Return the scans with one patient id for the patients of scans that `same` joins."""
    patients = {scan.scan_id: scan.patient_id for scan in scans}
    leader = {patient: patient for patient in patients.values()}

    def lead(patient: str) -> str:
        while leader[patient] != patient:
            patient = leader[patient]
        return patient

    for one, other in same.items():
        leader[lead(patients[one])] = lead(patients[other])
    return [scan.model_copy(update={"patient_id": lead(scan.patient_id)}) for scan in scans]
