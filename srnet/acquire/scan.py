"""One row of the scan table, and the addresses of the files that it is fetched from."""

from pathlib import Path

from pydantic import Field

from srnet.config.base import Settings
from srnet.config.cohort import Region
from srnet.core.digest import file_digest
from srnet.core.errors import ScanRejected

GENERATED = "generated"
"""Value of `Scan.labels` for a generated scan, whose labels are generated with it."""

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What ids are made of, since files are named after them."""
SHA256_PATTERN = r"^([0-9a-f]{64})?$"


class Remote(Settings):
    """One file to fetch: its name and address, and its length and digest for checking."""

    name: str = Field(pattern=ID_PATTERN, description="file name on disk")
    url: str = Field(pattern=r"^https?://", description="address")
    bytes: int = Field(0, ge=0, description="length, 0 if it is not known")
    sha256: str = Field("", pattern=SHA256_PATTERN, description="empty if it is not known")

    def fault(self, path: str | Path) -> str:
        """Say how a file differs from what is published; an empty text if it does not."""
        size = Path(path).stat().st_size
        if self.bytes and size != self.bytes:
            return f"has {size} bytes instead of {self.bytes}"
        if size == 0:
            return "is empty"
        found = file_digest(path) if self.sha256 else ""
        if found != self.sha256:
            return f"has the SHA-256 {found[:16]}... instead of {self.sha256[:16]}..."
        return ""


class Scan(Settings):
    """One row of the scan table."""

    scan_id: str = Field(pattern=ID_PATTERN, description="unique name")
    patient_id: str = Field(
        min_length=1, description="scans of one patient stay in one part of the split"
    )
    source: str = Field(description="kind of source: phantom, folder, verse19, ...")
    physical_id: str = Field("", description="equal for one scan in two releases; empty: unique")
    files: tuple[str, ...] = Field((), description="local files of the scan, empty if generated")
    remotes: tuple[Remote, ...] = Field((), description="where `files` are fetched from, in order")
    index: int = Field(0, ge=0, description="number of a generated scan")
    spacing_mm: float = Field(2.0, gt=0, description="nominal voxel size of a generated scan")
    region: Region = Field("whole", description="field of view of a generated scan")
    licence: str = Field("unknown", description="licence of the scan")
    # Only scores depend on labels, so that they are left out of the params that prepare a scan.
    labels: str = Field("", exclude=True, description="file of vertebra labels, if any")
    labels_remote: Remote | None = Field(None, exclude=True, description="where they come from")
    # Scans of one person stay together; what tells the person is compared, and never written.
    person: str = Field("", exclude=True, repr=False, description="digest of DICOM's PatientID")


def check_published(file: str, remote: Remote | None) -> None:
    """Raise `ScanRejected` if a file is not the one that its publisher has, as far as is known."""
    if remote is not None and (fault := remote.fault(file)):
        raise ScanRejected(
            f"{file}: {fault}, which the table of public scans states; copy or download it again, "
            "or read an edition of your own as a source of kind 'folder'"
        )
