"""Settings of the cohort: which scans, from where, counted how."""

from typing import Annotated, Literal

from pydantic import Field

from srnet.config.base import Settings

__all__ = ["CohortSettings", "FolderSource", "PhantomSource", "Source"]


class PhantomSource(Settings):
    """Generated CT scans of plausible spines; nothing to download."""

    kind: Literal["phantom"] = "phantom"
    count: int = Field(60, ge=3, le=5000, description="scans to generate")
    spacing_mm: float = Field(
        2.0, ge=0.5, le=4.0, description="nominal in-plane voxel size; scanners vary around it"
    )


class FolderSource(Settings):
    """Any folder of NIfTI, NRRD or MHA files, or of DICOM series."""

    kind: Literal["folder"] = "folder"
    path: str = Field(description="folder, searched recursively")
    patient_pattern: str = Field(
        r"^(.+?)(?:[_-](?:ct|scan|series)?\d*)?$",
        description="regular expression on the scan id; its first group is the patient",
    )
    limit: int | None = Field(None, ge=1, description="take only the first scans, for a trial")


Source = Annotated[PhantomSource | FolderSource, Field(discriminator="kind")]


class CohortSettings(Settings):
    """Which scans make the cohort, and how repeated ones count."""

    sources: tuple[Source, ...] = Field(
        (PhantomSource(),), min_length=1, description="where the scans come from"
    )
    counting: Literal["distinct", "paper"] = Field(
        "distinct",
        description="distinct: each physical scan once, split by patient; "
        "paper: repeats counted and split by scan, which leaks patients",
    )
