"""Scans from a folder of the user's own: image files, DICOM folders, archives of either."""

import fnmatch
import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from srnet.acquire.archive import ARCHIVES, unpack
from srnet.acquire.dicom import has_dicom, read_series
from srnet.acquire.integrity import check_geometry
from srnet.acquire.scan import Scan
from srnet.config.cohort import FolderSource
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.formats import Image, import_image
from srnet.imaging.volume import Volume, canonical

LOG = logging.getLogger(__name__)

IMAGES = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")
LONGEST_ID = 120
"""Bytes of a scan id: names of files are made of it that a file system limits to 255."""
_HASH = 10


def list_source(settings: FolderSource) -> list[Scan]:
    """Return a scan for every image file and every folder of DICOM files.

    Files are not opened. The job of a file that is not an image rejects it with the reason.

    Raises
    ------
    SrnetError
        If the folder is missing or holds no scan.
    """
    folder = Path(settings.path)
    labels = _labels(folder, find_scans(folder, settings.include), settings.labels)
    found = list(labels)
    names = scan_ids([path.relative_to(folder) for path in found])
    return [
        Scan(
            scan_id=name,
            patient_id=_patient(_flat(path.relative_to(folder)), settings.patient_pattern),
            source=settings.kind,
            files=files_of(path),
            licence=settings.licence,
            labels=labels[path],
        )
        for name, path in list(zip(names, found, strict=True))[: settings.limit]
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


def find_scans(folder: Path, include: str = "*") -> list[Path]:
    """Return the image files, DICOM folders and archives below `folder`, sorted."""
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
    return found


def files_of(path: Path) -> tuple[str, ...]:
    """Return the files of a scan: beside an `.mhd` header, also the file with its voxels."""
    voxels = (path.with_suffix(ending) for ending in (".raw", ".zraw"))
    beside = filter(Path.is_file, voxels) if path.suffix.lower() == ".mhd" else ()
    return (str(path), *map(str, beside))


def read(scan: Scan, seed: int) -> Volume:  # noqa: ARG001 - the interface of all sources
    """Read one local scan into the canonical orientation."""
    return canonical(read_path(Path(scan.files[0])))


def read_path(path: Path) -> Image:
    """Read an image file, a folder with one DICOM series, or an archive of either.

    Raises
    ------
    ScanRejected
        If it cannot be read, or its grid cannot be used.
    """
    if path.is_dir():
        image = read_series(path)
    elif path.name.lower().endswith(ARCHIVES):
        image = _read_archive(path)
    else:
        image = import_image(path)
    return check_geometry(image, str(path))


def _read_archive(archive: Path) -> Image:
    with TemporaryDirectory(prefix="srnet-") as scratch:
        # The scratch folder no longer exists when a message is read, so it is not named.
        try:
            unpack(archive, Path(scratch))
            found = sorted(_walk(Path(scratch)))
            if len(found) != 1:
                raise ScanRejected(
                    f"{archive}: holds {len(found)} scans where one is expected; "
                    "unpack it with `srnet scans unpack` and give the folder instead"
                )
            return read_path(found[0])
        except ScanRejected as rejection:
            raise ScanRejected(str(rejection).replace(scratch, str(archive))) from None
        except SrnetError as mistake:
            raise SrnetError(str(mistake).replace(scratch, str(Path(scratch).parent))) from None


def only_scan(folder: Path) -> Path:
    """Return the only scan that a folder is, or holds at any depth.

    Raises
    ------
    SrnetError
        If it holds none, or several, with what there is.
    """
    if has_dicom(folder):
        return folder
    found = [path.relative_to(folder).as_posix() for path in find_scans(folder)]
    if len(found) > 1:
        shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        raise SrnetError(f"{folder}: holds {len(found)} scans ({shown}); give one of them")
    return folder / found[0]


def _walk(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Yield the scans below a folder; links are followed, but not to a folder above."""
    real = folder.resolve()
    if real in above:
        return
    if has_dicom(folder):
        yield folder
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, above | {real})
        elif not path.exists():
            LOG.warning(
                "%s: is a link whose target is missing and is left out; restore or remove it", path
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
