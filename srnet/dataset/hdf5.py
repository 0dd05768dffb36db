"""Data sets and predictions as HDF5 files, without torch: how they are written and read."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from srnet.config.prepare import DrrSettings
from srnet.core.atomic import atomic_path
from srnet.core.errors import SrnetError
from srnet.core.rejection import is_shortage
from srnet.core.stamp import record_id
from srnet.dataset.split import SplitScan
from srnet.imaging.geometry import ConeBeam
from srnet.imaging.target import to_network
from srnet.imaging.volume import Grid, Volume
from srnet.imaging.xray import LEVELS, Xray

_LARGEST_SIZE = 512
"""Voxels along an edge; more are a damaged file."""
VIEWS = ("ap", "lateral")
"""Names of the x-rays in a data set."""


@dataclass(frozen=True)
class Sample:
    """A stored target, int16 in [0, 2500], and its two x-rays."""

    volume: Volume
    ap: Xray
    lateral: Xray


@dataclass(frozen=True)
class DataSet:
    """One part of the data set; volumes and x-rays stay in the file until asked for.

    Attributes
    ----------
    path
        The HDF5 file, opened anew for each sample, so that samples can be
        handed to other processes.
    scans, patients, sources
        One string per sample.
    full_scale_hu_mm
        (N, 2) line integral at grey 1 of the AP and the lateral view.
    spacing_mm, origin_mm
        (N, 3) grid of each volume, see `srnet.imaging.volume.Grid`.
    size
        Edge of the volumes in voxels.
    beam
        Geometry with which the x-rays were made.
    """

    path: Path
    scans: tuple[str, ...]
    patients: tuple[str, ...]
    sources: tuple[str, ...]
    full_scale_hu_mm: NDArray[np.float32]
    spacing_mm: NDArray[np.float64]
    origin_mm: NDArray[np.float64]
    size: int
    beam: ConeBeam

    def __len__(self) -> int:
        return len(self.scans)

    def grid(self, index: int) -> Grid:
        """Return the grid of one volume."""
        down, back, left = (float(edge) for edge in self.spacing_mm[index])
        right, anterior, superior = (float(place) for place in self.origin_mm[index])
        shape = self.size, self.size, self.size
        return Grid(shape, (down, back, left), (right, anterior, superior))

    def volume(self, index: int) -> Volume:
        """Return the stored target of one scan, int16 in [0, 2500]."""
        with opened(self.path) as file:
            return Volume(file["ct"][index], self.grid(index))

    def network_volume(self, index: int) -> NDArray[np.float32]:
        """Return the target of one scan as networks see it, (S, S, S) in [0, 1]."""
        return to_network(self.volume(index).array)

    def xrays(self, index: int) -> tuple[Xray, Xray]:
        """Return the AP and the lateral x-ray of one scan."""
        with opened(self.path) as file:
            ap, lateral = (
                Xray(file[view][index].astype(np.float32) / np.float32(LEVELS), float(scale))
                for view, scale in zip(VIEWS, self.full_scale_hu_mm[index], strict=True)
            )
        return ap, lateral

    def all_targets(self) -> NDArray[np.int16]:
        """Return the stored targets of all scans, (N, S, S, S)."""
        with opened(self.path) as file:
            return np.asarray(file["ct"][()], np.int16)

    def all_xrays(self) -> NDArray[np.float32]:
        """Return the grey values of all x-rays, (N, 2, S, S) in [0, 1]."""
        with opened(self.path) as file:
            levels = np.stack([file[view][()] for view in VIEWS], axis=1)
        return levels.astype(np.float32) / np.float32(LEVELS)


def read_dataset(path: str | Path) -> DataSet:
    """Open one part of the data set.

    Raises
    ------
    SrnetError
        If the file is no data set of this package.
    """
    with opened(path) as file:
        size, count = int(file.attrs["size"]), len(stored(file, "scan"))
        source_mm = float(file.attrs["source_to_isocentre_mm"])
        if not 1 <= size <= _LARGEST_SIZE or not 0 < source_mm < math.inf:
            raise ValueError("its size or its geometry makes no sense")
        stored(file, "ct", (count, size, size, size))
        for view in VIEWS:
            stored(file, view, (count, size, size))
        scales, spacing, origin = (
            np.asarray(stored(file, name, (count, columns))[()], np.float64)
            for name, columns in (("full_scale_hu_mm", 2), ("spacing_mm", 3), ("origin_mm", 3))
        )
        if not all(np.all(np.isfinite(column)) for column in (scales, spacing, origin)):
            raise ValueError("its grids or scales are no finite numbers")
        if np.any(spacing <= 0) or np.any(scales < 0):
            raise ValueError("its voxel sizes or scales are negative or zero")
        return DataSet(
            path=Path(path),
            scans=_strings(stored(file, "scan", (count,))),
            patients=_strings(stored(file, "patient", (count,))),
            sources=_strings(stored(file, "source", (count,))),
            full_scale_hu_mm=scales.astype(np.float32),
            spacing_mm=spacing,
            origin_mm=origin,
            size=size,
            beam=ConeBeam(source_mm),
        )


@dataclass(frozen=True)
class Predictions:
    """The predictions of one row of the tables; volumes stay in the file until asked for."""

    path: Path
    row: str
    scans: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.scans)

    def network_volume(self, index: int) -> NDArray[np.float32]:
        """Return one prediction, (S, S, S), as the network gave it."""
        with opened(self.path) as file:
            return np.asarray(file["ct"][index], np.float32)

    def check_made_for(self, samples: DataSet) -> None:
        """Refuse predictions that are not of the scans of `samples`, in their order."""
        if self.scans != samples.scans:
            raise SrnetError(
                f"{self.path} holds other scans than {samples.path}; predict this test set again"
            )


def read_predictions(path: str | Path) -> Predictions:
    """Open the predictions of one row.

    Raises
    ------
    SrnetError
        If the file holds no predictions of this package.
    """
    with opened(path) as file:
        scans = _strings(stored(file, "scan"))
        count, *edges = stored(file, "ct").shape
        if count != len(scans) or len(edges) != 3 or max(edges) > _LARGEST_SIZE:
            raise ValueError(f"it holds {count} volumes of {edges} voxels for {len(scans)} scans")
        return Predictions(Path(path), _name(file, "row"), scans)


@contextmanager
def opened(path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; whatever is wrong with it becomes an `SrnetError`."""
    try:
        file = h5py.File(path)
    except OSError as failure:
        if failure.errno:
            # The machine failed, or there is no such file; HDF5 names neither.
            raise OSError(failure.errno, os.strerror(failure.errno), str(path)) from None
        raise SrnetError(f"{path}: is no HDF5 file, or damaged ({failure})") from None
    with file:
        try:
            yield file
        except SrnetError:
            raise
        except Exception as failure:  # HDF5 raises nearly any error on damaged files.
            if is_shortage(failure):
                raise
            reason = failure.args[0] if isinstance(failure, KeyError) else failure
            raise SrnetError(
                f"{path}: is damaged or was not written by this pipeline ({reason}); make or copy "
                "it again"
            ) from None


def stored(file: h5py.File, name: str, shape: tuple[int, ...] | None = None) -> h5py.Dataset:
    """Return a dataset that lies in the file itself, of this shape if one is given.

    Raises
    ------
    ValueError
        If it is a link or a group, is made of other files, or claims more than the file holds.
    """
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"it has no '{name}', or a link in its place")
    found = file[name]
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
        raise ValueError(f"its '{name}' is not stored in it")
    if shape is not None and found.shape != shape:
        raise ValueError(f"its '{name}' has shape {found.shape} where {shape} is expected")
    claimed, held = found.size * found.dtype.itemsize, found.id.get_storage_size()
    # Chunks are read one by one, and empty ones may be packed into nothing.
    if not found.ndim or (not found.chunks and claimed > held):
        raise ValueError(f"its '{name}' claims {claimed} bytes and {held} are stored")
    return found


def _strings(column: h5py.Dataset) -> tuple[str, ...]:
    """Return a column of text; raise `ValueError` if its texts claim more than the file holds.

    HDF5 believes any length: that of a text, and that of the collection of texts it lies in.
    """
    start = column.id.get_offset()
    if column.size and start is not None:
        path, size = column.file.filename, Path(column.file.filename).stat().st_size
        kind = np.dtype([("length", "<u4"), ("place", "<u8"), ("index", "<u4")])
        texts = np.fromfile(path, kind, column.size, offset=start)
        lengths = [int(texts["length"].max())]
        for place in set(texts["place"].tolist()):
            # A collection states its length after its name and version.
            if place + 16 <= size:
                lengths += np.fromfile(path, "<u8", 1, offset=place + 8).tolist()
        if max(lengths) > size:
            raise ValueError(f"its '{column.name}' claims a text of {max(lengths)} bytes")
    return tuple(text.decode() for text in column[()])


def _name(file: h5py.File, attribute: str) -> str:
    """Return a text of fixed length; HDF5 would believe any length of another."""
    kind = file.attrs.get_id(attribute).get_type()
    if not isinstance(kind, h5py.h5t.TypeStringID) or kind.is_variable_str():
        raise ValueError(f"its '{attribute}' is no text of fixed length")
    return bytes(file.attrs[attribute]).decode()


def write_samples(
    path: str | Path, rows: Sequence[SplitScan], samples: Iterable[Sample], drr: DrrSettings
) -> None:
    """Write samples to an HDF5 file.

    Parameters
    ----------
    path
        File to write. It holds `ct` (N, S, S, S) int16, `ap` and `lateral`
        (N, S, S) uint16, `full_scale_hu_mm` (N, 2), `spacing_mm` and
        `origin_mm` (N, 3), `scan`, `patient` and `source`; its attributes are
        `size`, the two distances of `drr`, and `record`. A chunk is one sample.
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


def _make_datasets(file: h5py.File, count: int, shape: tuple[int, ...]) -> None:
    """Create the empty datasets; deflate is read by every HDF5 library without a plugin."""
    packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    file.attrs["size"] = shape[0]
    file.create_dataset("ct", (count, *shape), np.int16, chunks=(1, *shape), **packed)
    for view in VIEWS:
        plane = shape[:2]
        file.create_dataset(view, (count, *plane), np.uint16, chunks=(1, *plane), **packed)
    file.create_dataset("full_scale_hu_mm", (count, 2), np.float32)
    file.create_dataset("spacing_mm", (count, 3), np.float64)
    file.create_dataset("origin_mm", (count, 3), np.float64)


def _store(file: h5py.File, index: int, scan: str, sample: Sample) -> None:
    """Write one sample."""
    volume, xrays = sample.volume, (sample.ap, sample.lateral)
    shapes = [xray.grey.shape for xray in xrays]
    shape = volume.array.shape
    if shape != file["ct"].shape[1:] or {*shapes} != {shape[:2]}:
        raise SrnetError(
            f"{scan}: volume {shape} and x-rays {shapes[0]}, {shapes[1]} do not fit "
            f"the set's size {file.attrs['size']}; prepare all scans with one size"
        )
    file["ct"][index] = volume.array
    for view, xray in zip(VIEWS, xrays, strict=True):
        file[view][index] = np.rint(xray.grey * LEVELS).astype(np.uint16)
    file["full_scale_hu_mm"][index] = [xray.full_scale_hu_mm for xray in xrays]
    file["spacing_mm"][index] = volume.grid.spacing_mm
    file["origin_mm"][index] = volume.grid.origin_mm


def write_predictions(
    path: str | Path, row: str, scans: Sequence[str], volumes: Iterable[NDArray[np.float32]]
) -> None:
    """Write one volume per scan, as the network gave it.

    Parameters
    ----------
    path
        HDF5 file: `ct` (N, S, S, S) float32 network values, not clipped, one
        chunk per scan; `scan` (N,) UTF-8; attributes `row` and `record`.
    row
        Name of the method or baseline.
    scans, volumes
        Scan ids, and as many volumes (S, S, S), which may be made one at a time.
    """
    with atomic_path(path) as partial, h5py.File(partial, "w") as file:
        file.attrs["row"] = np.bytes_(row.encode())
        file.attrs["record"] = record_id()
        file.create_dataset("scan", data=list(scans), dtype=h5py.string_dtype())
        for index, volume in enumerate(volumes):
            if index == 0:
                ct = file.create_dataset(
                    "ct",
                    (len(scans), *volume.shape),
                    np.float32,
                    chunks=(1, *volume.shape),
                    compression=hdf5plugin.Blosc2(cname="lz4"),
                )
            ct[index] = volume
