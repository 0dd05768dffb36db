"""Archives, unpacked only where they may: every member's path is checked first."""

import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from srnet.errors import ScanRejected

__all__ = ["ARCHIVES", "unpack"]

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")

Member = tuple[str, int, bool]
"""Name, size in bytes, and whether it is a plain file or folder."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar file into `folder`, which is made if need be.

    Raises
    ------
    ScanRejected
        If the file is damaged, a member would land outside of `folder`, is a
        link or a device, or there is no room for it. Nothing is written then.
    """
    if archive.stat().st_size == 0:
        raise ScanRejected(f"{archive}: is empty (0 bytes); copy or download it again")
    try:
        if archive.name.lower().endswith(".zip"):
            _unpack_zip(archive, folder)
        else:
            _unpack_tar(archive, folder)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as failure:
        reason = str(failure).partition(":\n")[0]
        raise ScanRejected(
            f"{archive}: cannot be unpacked ({reason}); copy or download it again"
        ) from None


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        infos = packed.infolist()
        links = {info.filename for info in infos if (info.external_attr >> 28) == 0xA}
        _check(
            archive, folder, [(i.filename, i.file_size, i.filename not in links) for i in infos]
        )
        packed.extractall(folder)  # noqa: S202 - every path was checked


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as packed:
        infos = packed.getmembers()
        _check(archive, folder, [(i.name, i.size, i.isfile() or i.isdir()) for i in infos])
        packed.extractall(folder, filter="data")


def _check(archive: Path, folder: Path, members: list[Member]) -> None:
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
        raise ScanRejected(
            f"{archive}: needs {needed / 1e9:.1f} GB unpacked and {free / 1e9:.1f} GB are free "
            f"at {folder}; make room"
        )
