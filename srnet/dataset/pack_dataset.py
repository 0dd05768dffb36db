"""Stage: pack the samples of one part of the split into an HDF5 file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from srnet.config.prepare import DrrSettings
from srnet.core.errors import SrnetError
from srnet.dataset.hdf5 import Sample, write_samples
from srnet.dataset.split import SplitScan
from srnet.imaging.volume import read_volume
from srnet.imaging.xray import read_xray


@dataclass(frozen=True)
class SampleFiles:
    """The three files of one sample; the volume's name is the scan id."""

    volume: str | Path
    ap: str | Path
    lateral: str | Path

    @property
    def scan(self) -> str:
        """Return the scan id."""
        return Path(self.volume).name.removesuffix(".nii.gz")

    def read(self) -> Sample:
        """Return what the files hold."""
        return Sample(read_volume(self.volume), read_xray(self.ap), read_xray(self.lateral))


def pack_dataset(
    path: str | Path,
    files: Sequence[SampleFiles],
    split: Sequence[SplitScan],
    part: str,
    drr: DrrSettings,
) -> None:
    """Write the samples of one part to an HDF5 file, in the order of the split.

    Parameters
    ----------
    path
        File to write, see `srnet.dataset.hdf5.write_samples`.
    files
        The files of all scans, rejected ones included.
    split
        Rows of `split.tsv`; the files of no other scans are read.
    part
        `train`, `validation` or `test`.
    drr
        Geometry with which the x-rays were made.

    Raises
    ------
    SrnetError
        If no scan is in the part, files are missing, or sizes differ.
    """
    by_scan = {sample.scan: sample for sample in files}
    rows = [row for row in split if row.part == part]
    missing = [row.scan for row in rows if row.scan not in by_scan]
    if missing:
        raise SrnetError(f"{part} set: no files for {', '.join(missing)}")
    if not rows:
        raise SrnetError(f"{part} set: none of the {len(split)} scans of the split is in it")
    write_samples(path, rows, (by_scan[row.scan].read() for row in rows), drr)
