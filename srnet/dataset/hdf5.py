"""Reading what `pack_dataset` and `write_predictions` stored, without torch.

Reconstructed test sets as HDF5.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from srnet.core.atomic import atomic_path
from srnet.core.errors import SrnetError
from srnet.core.stamp import record_id
from srnet.imaging.target import to_network
from srnet.imaging.volume import Grid, Volume
from srnet.imaging.xray import LEVELS, Xray


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
    attributes
        Size, geometry of the x-rays, id of the provenance record.
    """

    path: Path
    scans: tuple[str, ...]
    patients: tuple[str, ...]
    sources: tuple[str, ...]
    full_scale_hu_mm: NDArray[np.float32]
    spacing_mm: NDArray[np.float64]
    origin_mm: NDArray[np.float64]
    attributes: dict[str, Any]

    def __len__(self) -> int:
        return len(self.scans)

    @property
    def size(self) -> int:
        """Return the edge of the volumes in voxels."""
        return int(self.attributes["size"])

    def grid(self, index: int) -> Grid:
        """Return the grid of one volume."""
        down, back, left = (float(edge) for edge in self.spacing_mm[index])
        right, anterior, superior = (float(place) for place in self.origin_mm[index])
        shape = self.size, self.size, self.size
        return Grid(shape, (down, back, left), (right, anterior, superior))

    def volume(self, index: int) -> Volume:
        """Return the stored target of one scan, int16 in [0, 2500]."""
        with _opened(self.path) as file:
            return Volume(file["ct"][index], self.grid(index))

    def network_volume(self, index: int) -> NDArray[np.float32]:
        """Return the target of one scan as networks see it, (S, S, S) in [0, 1]."""
        return to_network(self.volume(index).array)

    def xrays(self, index: int) -> tuple[Xray, Xray]:
        """Return the AP and the lateral x-ray of one scan."""
        scales = self.full_scale_hu_mm[index]
        with _opened(self.path) as file:
            levels = [file[view][index].astype(np.float32) for view in ("ap", "lateral")]
        ap, lateral = (
            Xray(level / np.float32(LEVELS), float(scale))
            for level, scale in zip(levels, scales, strict=True)
        )
        return ap, lateral


def read_dataset(path: str | Path) -> DataSet:
    """Open one part of the data set.

    Raises
    ------
    SrnetError
        If the file is no data set of this package.
    """
    with _opened(path) as file:
        try:
            return DataSet(
                path=Path(path),
                scans=_strings(file["scan"]),
                patients=_strings(file["patient"]),
                sources=_strings(file["source"]),
                full_scale_hu_mm=file["full_scale_hu_mm"][()],
                spacing_mm=file["spacing_mm"][()],
                origin_mm=file["origin_mm"][()],
                attributes=dict(file.attrs),
            )
        except KeyError as missing:
            raise _foreign(path, missing) from None


@dataclass(frozen=True)
class Predictions:
    """The reconstructions of one row; volumes stay in the file until asked for."""

    path: Path
    row: str
    scans: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.scans)

    def network_volume(self, index: int) -> NDArray[np.float32]:
        """Return one reconstruction, (S, S, S), as the network gave it."""
        with _opened(self.path) as file:
            return np.asarray(file["ct"][index], np.float32)


def read_predictions(path: str | Path) -> Predictions:
    """Open the reconstructions of one row.

    Raises
    ------
    SrnetError
        If the file holds no reconstructions of this package.
    """
    with _opened(path) as file:
        try:
            return Predictions(Path(path), str(file.attrs["row"]), _strings(file["scan"]))
        except KeyError as missing:
            raise _foreign(path, missing) from None


@contextmanager
def _opened(path: str | Path) -> Iterator[h5py.File]:
    import hdf5plugin  # noqa: F401 - registers the compression of predictions

    try:
        file = h5py.File(path)
    except OSError as failure:
        raise SrnetError(f"{path}: is no HDF5 file, or damaged ({failure})") from None
    with file:
        yield file


def _strings(column: h5py.Dataset) -> tuple[str, ...]:
    return tuple(text.decode() for text in column[()])


def _foreign(path: str | Path, missing: KeyError) -> SrnetError:
    return SrnetError(f"{path}: was not written by this pipeline: {missing.args[0]}")


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
        file.attrs["row"] = row
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
