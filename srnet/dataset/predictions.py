"""Reconstructed test sets as HDF5."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from srnet.atomic import atomic_path
from srnet.stamp import record_id

__all__ = ["write_predictions"]


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
        Name of the method or floor.
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
