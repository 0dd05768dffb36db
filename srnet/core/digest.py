"""Size and digest of a file, or of a folder of files such as a DICOM series."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def listing_digest(listing: Mapping[str, str]) -> str:
    """Return one digest that stands for files, given by name and digest."""
    text = "\n".join(f"{name} {listing[name]}" for name in sorted(listing))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Content:
    """What a file or folder holds.

    Attributes
    ----------
    sha256
        Digest of the bytes of a file, or of the names and digests of a folder's files.
    bytes
        Size of all files together.
    files
        The digest of each file of a folder, by its name.
    """

    sha256: str
    bytes: int
    files: Mapping[str, str] = field(default_factory=dict)


def read_content(path: str | Path) -> Content | None:
    """Digest a file or the files of a folder; None where there is neither.

    Of a folder, the files directly in it count, as for a reader of a series, but no hidden ones.
    """
    path = Path(path)
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        files = {file.name: file_digest(file) for file in found}
        return Content(listing_digest(files), sum(p.stat().st_size for p in found), files)
    return Content(file_digest(path), path.stat().st_size) if path.is_file() else None
