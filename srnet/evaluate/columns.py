"""The columns of scores and tables: one entry per metric, nothing else knows their names."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["BLOCKS", "COLUMNS", "COUNTS", "METRICS", "PAPER", "STRICT", "Column"]


@dataclass(frozen=True)
class Column:
    """One metric as the tables show it.

    Attributes
    ----------
    name
        Heading of the column, key of the JSON output.
    unit
        Unit, or '' for a number without one; "level" is one unit of the stored
        values 0..2500, which equals one HU inside bone.
    better
        Which way is good.
    digits
        Decimals shown in the tables for reading; the CSV has more.
    meaning
        One line for the documentation and the footers.
    undefined
        Why a score of this column can be missing, or '' if it never is.
    """

    name: str
    unit: str
    better: Literal["higher", "lower"]
    digits: int
    meaning: str
    undefined: str = ""


PAPER = (
    Column("PSNR", "dB", "higher", 2, "slice-averaged PSNR, maximum 4095, 100 dB if identical"),
    Column("SSIM", "", "higher", 4, "slice-averaged SSIM, 7x7 uniform window"),
    Column("CS", "", "higher", 4, "cosine between the two volumes"),
    Column("MAE", "level", "lower", 2, "mean absolute error of truncated levels, all voxels"),
    Column("MSE", "level²", "lower", 0, "mean squared error of truncated levels, all voxels"),
    Column(
        "LPIPS",
        "",
        "lower",
        4,
        "learned perceptual distance, AlexNet, slices of three axes",
        "no trained AlexNet features were given (evaluate.lpips_weights), "
        "and random features do not give LPIPS",
    ),
    Column(
        "FLOPs",
        "G",
        "lower",
        3,
        "twice thop's multiply-adds of one forward pass",
        "a prediction without a network has none",
    ),
)
"""The paper's columns in the paper's order."""

_VOLUME = (
    Column("PSNR3D", "dB", "higher", 2, "PSNR of the whole volume, maximum 4095"),
    Column("Dice", "", "higher", 4, "overlap of the bone masks"),
    Column(
        "MAE_bone",
        "level",
        "lower",
        1,
        "mean absolute error inside true bone",
        "the truth holds no bone",
    ),
    Column(
        "MAE_outside",
        "level",
        "lower",
        2,
        "mean absolute error outside true bone",
        "the truth is all bone",
    ),
    Column("PSNR3D_2500", "dB", "higher", 2, "PSNR of the whole volume, maximum 2500"),
    Column("SSIM3D", "", "higher", 4, "3-D SSIM, Gaussian window of 1.5 voxels"),
    Column(
        "Reprojection",
        "",
        "lower",
        4,
        "absolute difference of the reconstruction's DRRs to the input x-rays, "
        "as a share of their sum",
        "the x-rays are empty, or the scale of their line integrals is unknown",
    ),
    Column(
        "FLOPs_true",
        "G",
        "lower",
        3,
        "operations of convolutions and matrix products in one forward pass",
        "a prediction without a network has none",
    ),
)

_SURFACE = (
    Column("HD95_mm", "mm", "lower", 2, "95th percentile of the distances between bone surfaces"),
    Column("ASSD_mm", "mm", "lower", 2, "mean distance between bone surfaces, both ways"),
    Column("SD_1voxel", "", "higher", 4, "share of both surfaces within 1 voxel of the other"),
    Column("SD_2voxel", "", "higher", 4, "share of both surfaces within 2 voxels of the other"),
    Column("SD_1mm", "", "higher", 4, "share of both surfaces within 1 mm of the other"),
    Column("SD_2mm", "", "higher", 4, "share of both surfaces within 2 mm of the other"),
)

STRICT = (*_VOLUME, *_SURFACE)
"""What Table I does not tell."""

BLOCKS = {
    "The paper's convention": PAPER,
    "Strict: volume and bone": _VOLUME,
    "Strict: bone surfaces": _SURFACE,
}
"""The columns in groups that fit a page, by caption."""

METRICS = {column.name: column for column in (*PAPER, *STRICT)}
"""Every column by its name, the paper's first."""

COUNTS = {"FLOPs": "paper_flops", "FLOPs_true": "true_flops"}
"""The columns that belong to a network, and their keys in its file of counts."""

COLUMNS = [name for name in METRICS if name not in COUNTS]
"""The columns that are scored scan by scan."""
