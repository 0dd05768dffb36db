"""Settings of the cohort: which scans, from where, how repeated ones count, and the split."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from srnet.config.base import Folder, Settings

_NO_PATTERN = (re.error, RecursionError, OverflowError, IndexError)

Region = Literal["cervical", "thoracic", "lumbar", "whole"]


class PhantomSource(Settings):
    """Generated CT scans of plausible spines; nothing to download."""

    kind: Literal["phantom"] = "phantom"
    count: int = Field(60, ge=3, le=5000, description="scans to generate")
    spacing_mm: float = Field(
        2.0, ge=0.7, le=4.0, description="nominal in-plane voxel size; scanners vary around it"
    )
    regions: tuple[Region, ...] = Field(
        ("cervical", "thoracic", "lumbar", "whole"),
        min_length=1,
        description="fields of view, taken in turn",
    )


class FolderSource(Settings):
    """Any folder of NIfTI, NRRD or MHA files, of DICOM series, or of archives of these."""

    kind: Literal["folder"] = "folder"
    path: str = Field(description="folder, searched recursively")
    include: str = Field("*", description="shell pattern on a scan's path within the folder")
    patient_pattern: str = Field(
        r"^(sub-[A-Za-z0-9]+(?=_|$)|.+?(?=(?:[_-](?:ct|scan|series)[_-]?\d*)*$))",
        description="regular expression on a scan's path within the folder, with _ for / and "
        "without the suffix; its first group is the patient",
    )
    labels: tuple[str, str] | None = Field(
        None,
        description="regular expression on a scan's path within the folder, and its replacement: "
        "they give the path of the scan's vertebra labels, numbered as in VerSe",
    )
    licence: str = Field("unknown", description="licence of the scans")
    limit: int | None = Field(None, ge=1, description="take only the first scans, for a trial")

    @field_validator("patient_pattern")
    @classmethod
    def _check_pattern(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groups
        except _NO_PATTERN as mistake:
            raise ValueError(f"not a regular expression: {mistake}") from None
        if groups < 1:
            raise ValueError("it needs a group in parentheses that holds the patient")
        return pattern

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, rule: tuple[str, str] | None) -> tuple[str, str] | None:
        try:
            re.sub(*rule or ("", ""), "")
        except _NO_PATTERN as mistake:
            raise ValueError(f"not a regular expression and replacement: {mistake}") from None
        return rule


class CollectionSource(Settings):
    """A collection without a public address, in a folder of the user's own (docs/data.md)."""

    kind: Literal["benmicrosoft", "melihaslan"]
    path: str = Field(description="folder, searched recursively; patient folders or flat")
    include: str = Field("*", description="shell pattern on a scan's path within the folder")
    limit: int | None = Field(None, ge=1, description="take only the first scans, for a trial")


class OpenkbpSource(Settings):
    """OpenKBP, 340 head-and-neck CTs: downloaded, or from a clone of its repository."""

    kind: Literal["openkbp"] = "openkbp"
    path: str | None = Field(None, description="folder 'provided-data' of a clone; null: download")
    address: str = Field(
        "https://raw.githubusercontent.com/ababier/open-kbp/"
        "ed9602e68411a45b7c8f039999f897895407d25f/provided-data",
        pattern=r"^https?://.*[^/]$",
        description="address of that folder; a commit, so that the data cannot change underneath",
    )
    limit: int | None = Field(None, ge=1, description="take only the first scans, for a trial")


class VerseSource(Settings):
    """VerSe'19 or VerSe'20 by the table of public scans: downloaded from OSF, or from a folder."""

    kind: Literal["verse19", "verse20"]
    path: str | None = Field(
        None,
        description="folder that holds the release, in its subject-based or its MICCAI layout, "
        "searched recursively; null: download",
    )
    table: str = Field("config/scans.tsv", description="table of public scans")
    non_commercial: bool = Field(
        True, description="also take the 30 gl scans, whose images are CC BY-NC-ND"
    )
    limit: int | None = Field(None, ge=1, description="take only the first scans, for a trial")


Source = Annotated[
    PhantomSource | FolderSource | CollectionSource | OpenkbpSource | VerseSource,
    Field(discriminator="kind"),
]


class CohortSettings(Settings):
    """Which scans make the cohort, and how repeated ones count."""

    sources: tuple[Source, ...] = Field(
        (PhantomSource(),), min_length=1, description="where the scans come from"
    )
    downloads: Folder = Field("resources/scans", description="folder of downloaded scans, kept")
    counting: Literal["distinct", "paper"] = Field(
        "distinct",
        description="distinct: each physical scan once, split by patient; "
        "paper: repeats counted and split by scan, which leaks patients",
    )
    scans_per_job: int = Field(
        48,
        ge=1,
        description="the most scans that a job of the preparation takes; more of them lose less "
        "time to the start of jobs, fewer redo less when one scan is added or changes",
    )


class SplitSettings(Settings):
    """The 8:1:1 split, grouped by patient (section IV.A of the paper)."""

    validation_fraction: float = Field(0.1, gt=0, lt=0.5, description="share of scans, floored")
    test_fraction: float = Field(0.1, gt=0, lt=0.5, description="share of scans, floored")
