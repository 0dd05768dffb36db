"""Scans from a folder of the user's own: image files, DICOM folders, archives of either."""

import fnmatch
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from srnet.acquire.archive import ARCHIVES, unpack
from srnet.acquire.dicom import has_dicom, read_series
from srnet.acquire.integrity import check_geometry
from srnet.acquire.scans import Scan
from srnet.config.cohort import FolderSource
from srnet.errors import ScanRejected, SrnetError
from srnet.volume import Image, Volume, canonical, import_image

__all__ = ["IMAGES", "find_scans", "list_source", "read", "read_path", "scan_ids", "stem"]

IMAGES = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")


def list_source(settings: FolderSource) -> list[Scan]:
    """Return a scan for every image file and every folder of DICOM files.

    Files are not opened, so that a file that is no image is found out by its
    own job, and rejected there with the reason.

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
            patient_id=_patient(name, settings.patient_pattern),
            source=settings.kind,
            files=(str(path),),
            licence=settings.licence,
            labels=labels[path],
        )
        for name, path in list(zip(names, found, strict=True))[: settings.limit]
    ]


def _labels(folder: Path, found: list[Path], rule: tuple[str, str] | None) -> dict[Path, str]:
    """Return the scans, each with the file of its labels, which is itself no scan."""
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
        raise SrnetError(f"{folder}: is no folder; correct 'path' under cohort.sources")
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
        unpack(archive, Path(scratch))
        found = sorted(_walk(Path(scratch)))
        if len(found) != 1:
            raise ScanRejected(
                f"{archive}: holds {len(found)} scans where one is expected; "
                "unpack it with `srnet scans unpack` and give the folder instead"
            )
        try:
            return read_path(found[0])
        except ScanRejected as rejection:
            # The scratch folder is gone when the message is read.
            inner = str(rejection).replace(scratch, str(archive))
            raise ScanRejected(inner) from None


def _walk(folder: Path) -> Iterator[Path]:
    if has_dicom(folder):
        yield folder
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.name.lower().endswith((*IMAGES, *ARCHIVES)):
            yield path


def scan_ids(paths: list[Path]) -> list[str]:
    """Return a unique id made of each path; a hash tells apart what would collide."""
    plain = [_plain_id(path) for path in paths]
    times = Counter(plain)
    return [
        name if times[name] == 1 else f"{name}-{_short_hash(path)}"
        for name, path in zip(plain, paths, strict=True)
    ]


def stem(name: str) -> str:
    """Return a file name or path without the suffix of an image or archive."""
    known = (*IMAGES, *ARCHIVES)
    longest = max((s for s in known if name.lower().endswith(s)), key=len, default="")
    return name[: len(name) - len(longest)]


def _plain_id(path: Path) -> str:
    name = stem(path.as_posix()).replace("/", "_")
    return re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip("._-") or "scan"


def _short_hash(path: Path) -> str:
    return hashlib.sha256(path.as_posix().encode()).hexdigest()[:6]


def _patient(scan_id: str, pattern: str) -> str:
    match = re.search(pattern, scan_id)
    if match is None or not match.group(1):
        raise SrnetError(
            f"scan '{scan_id}': the patient_pattern '{pattern}' finds no patient in its name; "
            "correct the pattern of this source"
        )
    return match.group(1)
