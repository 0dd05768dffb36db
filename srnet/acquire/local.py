"""Scans from a folder of the user's own: image files, DICOM folders, archives of either."""

import fnmatch
import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from srnet.acquire.archive import ARCHIVES, first_bytes, unpack
from srnet.acquire.dicom import read_series
from srnet.acquire.dicom_headers import Identity, has_dicom, identify, is_dicom
from srnet.acquire.integrity import check_geometry
from srnet.acquire.scan import Scan
from srnet.config.cohort import FolderSource
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.formats import READERS, import_image
from srnet.imaging.image import Image
from srnet.imaging.volume import Volume, canonical

LOG = logging.getLogger(__name__)

IMAGES = tuple(READERS)
LONGEST_ID = 120
"""Bytes of a scan id: names of files are made of it that a file system limits to 255."""
_HASH = 10
_SHADOWS = "__MACOSX"
"""Folder that the Finder of macOS adds to archives; its files are no images."""


@dataclass(frozen=True)
class Found:
    """A scan that lies in a folder.

    Attributes
    ----------
    files
        Its files, or the DICOM folders over which it is spread; the first one names it.
    person
        Digest of the PatientID that its DICOM files state, or an empty text. It is compared in
        memory and never written.
    """

    files: tuple[Path, ...]
    person: str = ""

    @property
    def path(self) -> Path:
        """Return the file or folder that the scan is named after."""
        return self.files[0]


def list_source(settings: FolderSource) -> list[Scan]:
    """Return a scan for every image file and every DICOM series.

    Image files are not opened. The job of a file that is not an image rejects it with the reason.

    Raises
    ------
    SrnetError
        If the folder is missing or holds no scan.
    """
    folder = Path(settings.path)
    found = find_scans(folder, settings.include)
    labels = _labels(folder, [one.path for one in found], settings.labels)
    found = [one for one in found if one.path in labels]
    names = scan_ids([one.path.relative_to(folder) for one in found])
    return [
        Scan(
            scan_id=name,
            patient_id=_patient(_flat(one.path.relative_to(folder)), settings.patient_pattern),
            source=settings.kind,
            files=tuple(map(str, one.files)),
            licence=settings.licence,
            labels=labels[one.path],
            person=one.person,
        )
        for name, one in list(zip(names, found, strict=True))[: settings.limit]
    ]


def _labels(folder: Path, found: list[Path], rule: tuple[str, str] | None) -> dict[Path, str]:
    """Return the scans, each with the file of its labels, which does not count as a scan."""
    if rule is None:
        return dict.fromkeys(found, "")
    partners = {
        path: folder / re.sub(*rule, path.relative_to(folder).as_posix()) for path in found
    }
    taken = {partner for path, partner in partners.items() if partner != path}
    return {
        path: str(partner) if partner in taken and partner.is_file() else ""
        for path, partner in partners.items()
        if path not in taken
    }


def find_scans(folder: Path, include: str = "*") -> list[Found]:
    """Return the image files, DICOM series and archives below `folder`, sorted.

    DICOM folders that hold parts of one series are one scan.
    """
    if not folder.is_dir():
        raise SrnetError(f"{folder}: is not a folder; correct 'path' under cohort.sources")
    found = [
        path
        for path in sorted(_walk(folder))
        if fnmatch.fnmatch(path.relative_to(folder).as_posix(), include)
    ]
    if not found:
        kinds = ", ".join(f"*{suffix}" for suffix in IMAGES)
        raise SrnetError(
            f"{folder}: holds no scan that matches '{include}'; "
            f"put {kinds} files, folders of DICOM files, or archives of them there"
        )
    return _joined(found)


def _joined(paths: Sequence[Path]) -> list[Found]:
    """Return the scans of sorted paths, those of one series joined."""
    scans: dict[Path, list[Path]] = {}
    persons: dict[Path, str] = {}
    homes: dict[str, Path] = {}
    for path in paths:
        who = _identity(path)
        # A folder may hold the ends of two series, both begun elsewhere.
        known = sorted({homes[series] for series in who.series if series in homes})
        home = known[0] if known else path
        for other in known[1:]:
            scans[home] += scans.pop(other)
        scans.setdefault(home, []).append(path)
        persons[home] = persons.get(home) or who.person
        homes |= dict.fromkeys(who.series, home)
        homes = {series: home if at in known else at for series, at in homes.items()}
    return [
        Found(
            (*parts, *(extra for part in parts for extra in _voxels_beside(part))), persons[home]
        )
        for home, parts in scans.items()
    ]


def _identity(path: Path) -> Identity:
    if path.is_dir():
        return identify(path)
    if path.name.lower().endswith(ARCHIVES):
        return identify(first_bytes(path, is_dicom))
    return Identity("", frozenset())


def _voxels_beside(path: Path) -> list[Path]:
    """Return the file of voxels that lies beside an `.mhd` header."""
    voxels = (path.with_suffix(ending) for ending in (".raw", ".zraw"))
    return [file for file in voxels if path.suffix.lower() == ".mhd" and file.is_file()]


def read(scan: Scan, seed: int) -> Volume:  # noqa: ARG001 - the interface of all sources
    """Read one local scan into the canonical orientation."""
    return canonical(read_scan([Path(file) for file in scan.files]))


def read_scan(files: Sequence[Path]) -> Image:
    """Read an image file, a DICOM series in files or folders, or an archive of either.

    Raises
    ------
    ScanRejected
        If it cannot be read, or its grid cannot be used.
    """
    # A folder often lies beside the archive that it was unpacked from.
    series = [path for path in files if not path.name.lower().endswith(ARCHIVES) or path.is_dir()]
    path = (series or files)[0]
    name = ", ".join(map(str, files))
    if path.is_dir() or (_is_plain(path) and is_dicom(path)):
        image = read_series(series)
    elif series:
        image = import_image(path)
    elif len(files) == 1:
        image = _read_archive(path)
    else:
        raise ScanRejected(
            f"{name}: hold parts or copies of one series; unpack them into one folder"
        )
    return check_geometry(image, name)


def _is_plain(path: Path) -> bool:
    return not path.name.lower().endswith((*IMAGES, *ARCHIVES))


def _read_archive(archive: Path) -> Image:
    with TemporaryDirectory(prefix="srnet-") as scratch:
        # The scratch folder no longer exists when a message is read, so it is not named.
        try:
            unpack(archive, Path(scratch))
            found = _joined(sorted(_walk(Path(scratch))))
            if len(found) != 1:
                raise ScanRejected(
                    f"{archive}: holds {len(found)} scans where one is expected; "
                    "unpack it with `srnet scans unpack` and give the folder instead"
                )
            return read_scan(found[0].files)
        except ScanRejected as rejection:
            raise ScanRejected(str(rejection).replace(scratch, str(archive))) from None
        except SrnetError as mistake:
            raise SrnetError(str(mistake).replace(scratch, str(Path(scratch).parent))) from None


def only_scan(folder: Path) -> tuple[Path, ...]:
    """Return the files of the only scan that a folder is, or holds at any depth.

    Raises
    ------
    SrnetError
        If it holds none, or several, with what there is.
    """
    found = find_scans(folder)
    here = [one for one in found if folder in one.files] or found
    if len(here) > 1:
        names = [one.path.relative_to(folder).as_posix() for one in here]
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise SrnetError(f"{folder}: holds {len(here)} scans ({shown}); give one of them")
    return here[0].files


def _walk(top: Path) -> Iterator[Path]:
    """Yield the scans below a folder; links are followed, but not to a folder above."""
    waiting: list[tuple[Path, frozenset[tuple[int, int]]]] = [(top, frozenset())]
    while waiting:
        folder, above = waiting.pop()
        try:
            real = folder.stat()
            place = real.st_dev, real.st_ino
            if place in above:
                continue
            inside = sorted(folder.iterdir())
            if has_dicom(folder):
                yield folder
        except OSError as failure:
            LOG.warning("%s: is left out, since it cannot be read (%s)", folder, failure.strerror)
            continue
        for path in inside:
            if path.name.startswith(".") or path.name == _SHADOWS:
                continue
            if path.is_dir():
                waiting.append((path, above | {place}))
            elif not path.exists():
                LOG.warning(
                    "%s: is a link whose target is missing and is left out; restore or remove it",
                    path,
                )
            elif path.name.lower().endswith((*IMAGES, *ARCHIVES)):
                yield path


def scan_ids(paths: list[Path]) -> list[str]:
    """Return an id for each path: plain letters, digits and `._-`, at most `LONGEST_ID` of them.

    A hash of the path follows where two would be equal, also on a file system that takes `A` and
    `a` for the same, or one would be longer.
    """
    plain = [re.sub(r"[^A-Za-z0-9._-]", "-", _flat(p)).lstrip("._-") or "scan" for p in paths]
    times = Counter(name.lower() for name in plain)
    return [
        name
        if times[name.lower()] == 1 and len(name) <= LONGEST_ID
        else f"{name[: LONGEST_ID - _HASH - 1]}-{_short_hash(path)}"
        for name, path in zip(plain, paths, strict=True)
    ]


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:_HASH]


def stem(name: str) -> str:
    """Return a file name or path without the suffix of an image or archive."""
    known = (*IMAGES, *ARCHIVES)
    longest = max((s for s in known if name.lower().endswith(s)), key=len, default="")
    return name[: len(name) - len(longest)]


def _flat(path: Path) -> str:
    r"""Return a path within the folder as one name, from which scan id and patient are made.

    Control characters, and bytes that are not UTF-8, are written as `\x0a`.
    """
    name = os.fsencode(stem(path.as_posix())).decode(errors="backslashreplace")
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", _escaped, name).replace("/", "_")


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _patient(name: str, pattern: str) -> str:
    """Return the patient that a pattern finds in the name of a scan."""
    # A file name in another encoding than the system's holds bytes that UTF-8 cannot write.
    name = os.fsencode(name).decode(errors="backslashreplace")
    match = re.search(pattern, name)
    if match is None or not match.group(1):
        raise SrnetError(
            f"scan '{name}': the patient_pattern '{pattern}' finds no patient in its name; "
            "correct the pattern of this source"
        )
    return match.group(1)
