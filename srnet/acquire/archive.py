"""Unpack archives after checking that every member stays within the target folder."""

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from srnet.core.errors import ScanRejected, SrnetError
from srnet.core.rejection import is_shortage
from srnet.imaging.image import DENSEST_LARGE, LARGE

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")

_BLOCK = 1 << 20
_HEAD = 1 << 16
_LOOKED_AT = 8
_KNOWN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)

Member = tuple[str, int, bool]
"""Name, size in bytes, and whether it is a plain file or folder."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar file into `folder`, which is made if need be.

    Raises
    ------
    ScanRejected
        If the file is damaged, encrypted or compressed by an unknown method, or if a member would
        be written outside of `folder`, is a link or a device; nothing is written then.
    SrnetError
        If there is not enough disk space.
    OSError
        If the disk fails, which says nothing about the archive.
    """
    if archive.stat().st_size == 0:
        raise ScanRejected(f"{archive}: is empty (0 bytes); copy or download it again")
    try:
        if archive.name.lower().endswith(".zip"):
            _unpack_zip(archive, folder)
        else:
            _unpack_tar(archive, folder)
    except SrnetError:
        raise
    except Exception as failure:  # Each of the four formats has errors of its own.
        if is_shortage(failure):
            raise
        raise ScanRejected(
            f"{archive}: cannot be unpacked ({_reason(failure)}); copy or download it again"
        ) from None


def first_bytes(archive: Path, wanted: Callable[[bytes], bool]) -> bytes:
    """Return the beginning of the first file in an archive that is `wanted`, or nothing.

    What is wrong with an archive is said when it is unpacked.
    """
    try:
        if archive.name.lower().endswith(".zip"):
            with zipfile.ZipFile(archive) as packed:
                heads = (packed.open(info).read(_HEAD) for info in packed.infolist()[:_LOOKED_AT])
                return next(filter(wanted, heads), b"")
        with tarfile.open(archive, "r|*") as stream:
            for _, member in zip(range(_LOOKED_AT), stream, strict=False):
                content = stream.extractfile(member) if member.isfile() else None
                head = content.read(_HEAD) if content else b""
                if wanted(head):
                    return head
    except Exception as failure:  # Each of the four formats has errors of its own.
        if is_shortage(failure):
            raise
    return b""


def _reason(failure: Exception) -> str:
    if isinstance(failure, OSError) and failure.strerror:
        # The folder is temporary and differs each time, so only the file is named.
        name = PurePosixPath(str(failure.filename or "a member")).name
        return f"{failure.strerror}: '{name[:40]}'"
    return str(failure).partition(":\n")[0] or type(failure).__name__


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        infos = packed.infolist()
        problem = ""
        if any(info.flag_bits & 1 for info in infos):
            problem = "is locked with a password"
        elif any(info.compress_type not in _KNOWN for info in infos):
            problem = "is packed by a method that Python's zipfile lacks, such as deflate64"
        if problem:
            raise ScanRejected(f"{archive}: {problem}; unpack it yourself and give the folder")
        links = {info.filename for info in infos if (info.external_attr >> 28) == 0xA}
        members = [(i.filename, i.file_size, i.filename not in links) for i in infos]
        _check_size(archive, sum(size for _, size, _ in members))
        _check(archive, folder, members)
        packed.extractall(folder)  # noqa: S202 - every path was checked


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as packed:
        infos, total = [], 0
        for info in packed:
            infos.append(info)
            total += info.size
            # What follows a member is reached only by unpacking it.
            _check_size(archive, total)
        # The checksum of the archive is at its end, which tarfile does not read by itself.
        while packed.fileobj and (rest := packed.fileobj.read(_BLOCK)):
            total += len(rest)
            _check_size(archive, total)
        _check(archive, folder, [(i.name, i.size, i.isfile() or i.isdir()) for i in infos])
        packed.extractall(folder, filter="data")


def _check_size(archive: Path, claimed: int) -> None:
    """Refuse an archive made to fill the disk, which would look like a lack of room."""
    size = archive.stat().st_size
    if claimed > max(LARGE, DENSEST_LARGE * size):
        raise ScanRejected(
            f"{archive}: claims {claimed / 2**30:.1f} GiB, packed into {size / 2**20:.1f} MiB, "
            "which no scan can be; copy or download it again"
        )


def _check(archive: Path, folder: Path, members: list[Member]) -> None:
    """Reject members outside of `folder`, links and devices; check the disk space."""
    for name, _, plain in members:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in name[:3]:
            raise ScanRejected(
                f"{archive}: its member '{name}' would be written outside of the folder; "
                "the archive is damaged or hostile, so do not use it"
            )
        if not plain:
            raise ScanRejected(
                f"{archive}: its member '{name}' is a link or a device; "
                "pack the files themselves and try again"
            )
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = sum(size for _, size, _ in members), shutil.disk_usage(folder).free
    if needed > free:
        raise SrnetError(
            f"{archive}: needs {needed / 1e9:.1f} GB unpacked and {free / 1e9:.1f} GB are free "
            f"at {folder}; make room, or set TMPDIR to a folder on a larger disk"
        )
