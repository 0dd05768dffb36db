"""Stage: split the cohort into training, validation and test set, by patient."""

import hashlib
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from srnet.acquire.duplicates import find_repeats, merge_patients
from srnet.acquire.scan import Scan
from srnet.config.cohort import SplitSettings
from srnet.core.errors import SrnetError
from srnet.core.rejection import read_tombstone
from srnet.dataset.split import Part, RejectedScan, SplitScan

LOG = logging.getLogger(__name__)
_REASONS_SHOWN = 5

Group = tuple[Scan, ...]
Stratum = tuple[str, str]


def split_cohort(
    scans: Sequence[Scan],
    products: Sequence[tuple[str | Path, str | Path]],
    settings: SplitSettings,
    counting: Literal["distinct", "paper"],
    seed: int,
    digests: Mapping[str, str] | None = None,
) -> tuple[list[SplitScan], list[RejectedScan]]:
    """Assign every usable scan to a part.

    Parameters
    ----------
    scans
        The cohort.
    products
        For each scan its volume and its AP x-ray, either of which may be the
        tombstone of a rejected scan.
    settings
        Shares of validation and test set; each gets the floor of its share of
        all scans, as 72 and 72 of 729 in the paper, and at least one scan.
    counting
        `distinct` keeps all scans of a patient in one part; `paper` splits by
        scan.
    seed
        Decides the order in which patients are drawn. A patient's place in it
        depends on nothing else, so that one scan more or less moves few others.
    digests
        `srnet.acquire.duplicates.voxel_hash` by scan id. Of scans with equal
        voxels `distinct` keeps the first, and takes their patients for one.

    Returns
    -------
    Usable scans with their part, and rejected ones, both in cohort order. The
    sources, and the regions of generated scans, are represented in each part
    in proportion to their scans, as far as whole patients allow.

    Raises
    ------
    SrnetError
        If the usable scans cannot fill three parts.
    """
    out = {
        scan.scan_id: row
        for scan, files in zip(scans, products, strict=True)
        if (row := _rejection(scan, files))
    }
    usable = [scan for scan in scans if scan.scan_id not in out]
    if counting == "distinct":
        repeats = find_repeats(usable, digests or {})
        out |= {
            scan.scan_id: _repetition(scan, repeats[scan.scan_id])
            for scan in usable
            if scan.scan_id in repeats
        }
        usable = merge_patients(usable, repeats)
    rejected = [out[scan.scan_id] for scan in scans if scan.scan_id in out]
    groups = _groups(usable, by_patient=counting == "distinct")
    if len(groups) < len(get_args(Part)):
        raise SrnetError(
            f"{len(usable)} of {len(scans)} scans of {len(groups)} patients are usable; a split "
            f"into {', '.join(get_args(Part))} needs at least 3 patients: add scans"
            + _first_reasons(rejected)
        )
    parts = _assign(groups, len(usable), settings, seed)
    rows = [SplitScan(s.scan_id, s.patient_id, s.source, parts[s.scan_id]) for s in usable]
    leaks = leaking_patients(rows)
    if leaks:
        LOG.warning("%d test patients also have scans in the training set", len(leaks))
    return rows, rejected


def _first_reasons(rejected: Sequence[RejectedScan]) -> str:
    """Say why scans were rejected; no `rejected.tsv` is written where none can be split."""
    if not rejected:
        return ""
    lines = [f", or cure the {len(rejected)} rejected ones:"]
    lines += [f"  {row.scan} ({row.stage}): {row.reason}" for row in rejected[:_REASONS_SHOWN]]
    if len(rejected) > _REASONS_SHOWN:
        lines.append(f"  and {len(rejected) - _REASONS_SHOWN} more")
    return "\n".join(lines)


def leaking_patients(split: Iterable[SplitScan]) -> list[str]:
    """Return the patients with scans both in the test and in the training set, sorted."""
    seen: dict[str, set[str]] = defaultdict(set)
    for row in split:
        seen[row.part].add(row.patient)
    return sorted(seen["test"] & seen["train"])


def _rejection(scan: Scan, products: tuple[str | Path, str | Path]) -> RejectedScan | None:
    """Return why a scan is out, or None."""
    for product in products:
        stone = read_tombstone(product)
        if stone is not None:
            reason = stone["rejected"].removeprefix(f"stage {stone['stage']}: ")
            return RejectedScan(scan.scan_id, scan.patient_id, scan.source, stone["stage"], reason)
    return None


def _repetition(scan: Scan, kept: str) -> RejectedScan:
    """Return the row of a scan that repeats the scan `kept` voxel by voxel."""
    reason = (
        f"has the same voxels as {kept}, which is kept; "
        "nothing to do, or set cohort.counting to 'paper' to count both"
    )
    return RejectedScan(scan.scan_id, scan.patient_id, scan.source, "split_cohort", reason)


def read_digests(scans: Iterable[Scan], paths: Iterable[str | Path]) -> dict[str, str]:
    """Return the voxel digest that acquisition wrote for each scan it accepted."""
    return {
        scan.scan_id: Path(path).read_text(encoding="utf-8").strip()
        for scan, path in zip(scans, paths, strict=True)
        if read_tombstone(path) is None
    }


def _groups(scans: Iterable[Scan], by_patient: bool) -> list[Group]:
    """Return the scans that must not part, together."""
    groups: dict[str, list[Scan]] = defaultdict(list)
    for scan in scans:
        groups[scan.patient_id if by_patient else scan.scan_id].append(scan)
    return [tuple(group) for group in groups.values()]


def _assign(
    groups: list[Group], total: int, settings: SplitSettings, seed: int
) -> dict[str, Part]:
    """Return the part of each scan id."""
    waiting = sorted(groups, key=lambda group: _lot(group, seed))
    parts: dict[str, Part] = {}
    shares: dict[Part, float] = {
        "test": settings.test_fraction,
        "validation": settings.validation_fraction,
    }
    for part, share in shares.items():
        chosen = _draw(waiting, max(1, math.floor(share * total + 1e-9)))
        waiting = [group for group in waiting if group not in chosen]
        parts |= {scan.scan_id: part for group in chosen for scan in group}
    if not waiting:
        raise SrnetError(
            f"{total} scans of {len(groups)} patients leave none for training; add scans, "
            "or lower validation_fraction and test_fraction"
        )
    return parts | {scan.scan_id: "train" for group in waiting for scan in group}


def _lot(group: Group, seed: int) -> str:
    """Return where the group stands in the order of the seed."""
    name = f"{seed}:{group[0].patient_id}:{group[0].scan_id if len(group) == 1 else ''}"
    return hashlib.sha256(name.encode()).hexdigest()


def _stratum(group: Group) -> Stratum:
    """Return source and region, which every part represents in proportion."""
    return group[0].source, group[0].region


def _draw(waiting: list[Group], count: int) -> list[Group]:
    """Take groups with `count` scans together, strata in proportion, in the given order."""
    chosen: list[Group] = []
    for stratum, quota in _quotas(waiting, count).items():
        chosen += _fill([group for group in waiting if _stratum(group) == stratum], quota)
    missing = count - sum(map(len, chosen))
    chosen += _fill([group for group in waiting if group not in chosen], missing)
    # Where every patient left has more scans than are missing, one part is larger.
    return chosen or [min(waiting, key=len)]


def _quotas(waiting: list[Group], count: int) -> dict[Stratum, int]:
    """Share `count` scans among the strata, the largest remainders rounded up."""
    sizes: dict[Stratum, int] = defaultdict(int)
    for group in waiting:
        sizes[_stratum(group)] += len(group)
    total = sum(sizes.values())
    quotas = {stratum: count * size // total for stratum, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda stratum: (-(count * sizes[stratum] % total), stratum))
    for stratum in by_remainder[: count - sum(quotas.values())]:
        quotas[stratum] += 1
    return quotas


def _fill(groups: list[Group], room: int) -> list[Group]:
    """Take groups in order as long as they fit."""
    chosen = []
    for group in groups:
        if len(group) <= room:
            chosen.append(group)
            room -= len(group)
    return chosen
