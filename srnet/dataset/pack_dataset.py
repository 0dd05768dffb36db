"""One HDF5 file per part of the split, one chunk per sample."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from srnet.config.prepare import DrrSettings
from srnet.core.atomic import atomic_path
from srnet.core.errors import SrnetError
from srnet.core.stamp import record_id
from srnet.dataset.split_cohort import SplitScan
from srnet.imaging.volume import Volume, read_volume
from srnet.imaging.xray import LEVELS, Xray, read_xray


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


@dataclass(frozen=True)
class Sample:
    """A stored target, int16 in [0, 2500], and its two x-rays."""

    volume: Volume
    ap: Xray
    lateral: Xray


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
        File to write. It holds `ct` (N, S, S, S) int16, `ap` and `lateral`
        (N, S, S) uint16, `full_scale_hu_mm` (N, 2), `spacing_mm` and
        `origin_mm` (N, 3), `scan`, `patient` and `source`; its attributes are
        `size`, the two distances of `drr`, and `record`.
    files
        The files of all scans, rejected ones included.
    split
        Rows of `split.tsv`; only these are read.
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
    if missing or not rows:
        raise SrnetError(
            f"{part} set: no files for {', '.join(missing)}"
            if missing
            else f"{part} set: none of the {len(split)} scans of the split is in it"
        )
    write_samples(path, rows, (_read(by_scan[row.scan]) for row in rows), drr)


def write_samples(
    path: str | Path, rows: Sequence[SplitScan], samples: Iterable[Sample], drr: DrrSettings
) -> None:
    """Write samples to an HDF5 file, see `pack_dataset`.

    Parameters
    ----------
    path
        File to write.
    rows
        Scan, patient and source of each sample.
    samples
        As many samples in the same order; they may be made one at a time.
    drr
        Geometry with which the x-rays were made.

    Raises
    ------
    SrnetError
        If the sizes of volumes and x-rays differ.
    """
    with atomic_path(path) as partial, h5py.File(partial, "w") as file:
        file.attrs["record"] = record_id()
        file.attrs.update(drr.plain())
        for column in ("scan", "patient", "source"):
            names = [getattr(row, column) for row in rows]
            file.create_dataset(column, data=names, dtype=h5py.string_dtype())
        for index, (row, sample) in enumerate(zip(rows, samples, strict=True)):
            if index == 0:
                _make_datasets(file, len(rows), sample.volume.array.shape)
            _store(file, index, row.scan, sample)


def _read(files: SampleFiles) -> Sample:
    return Sample(read_volume(files.volume), read_xray(files.ap), read_xray(files.lateral))


def _store(file: h5py.File, index: int, scan: str, sample: Sample) -> None:
    """Write one sample."""
    volume, ap, lateral = sample.volume, sample.ap, sample.lateral
    shape = volume.array.shape
    if shape != file["ct"].shape[1:] or {ap.grey.shape, lateral.grey.shape} != {shape[:2]}:
        raise SrnetError(
            f"{scan}: volume {shape} and x-rays {ap.grey.shape}, {lateral.grey.shape} do not fit "
            f"the set's size {file.attrs['size']}; prepare all scans with one size"
        )
    file["ct"][index] = volume.array
    file["ap"][index] = _levels(ap)
    file["lateral"][index] = _levels(lateral)
    file["full_scale_hu_mm"][index] = ap.full_scale_hu_mm, lateral.full_scale_hu_mm
    file["spacing_mm"][index] = volume.grid.spacing_mm
    file["origin_mm"][index] = volume.grid.origin_mm


def _make_datasets(file: h5py.File, count: int, shape: tuple[int, ...]) -> None:
    """Create the empty datasets; deflate is read by every HDF5 library without a plugin."""
    packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    file.attrs["size"] = shape[0]
    file.create_dataset("ct", (count, *shape), np.int16, chunks=(1, *shape), **packed)
    for view in ("ap", "lateral"):
        plane = shape[:2]
        file.create_dataset(view, (count, *plane), np.uint16, chunks=(1, *plane), **packed)
    file.create_dataset("full_scale_hu_mm", (count, 2), np.float32)
    file.create_dataset("spacing_mm", (count, 3), np.float64)
    file.create_dataset("origin_mm", (count, 3), np.float64)


def _levels(xray: Xray) -> np.ndarray:
    """Return the stored grey levels of an x-ray."""
    return np.rint(xray.grey * LEVELS).astype(np.uint16)
