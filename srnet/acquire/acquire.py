"""From one row of the scan table to a canonical CT that passed the gate."""

from pathlib import Path

from srnet.acquire.integrity import check_values
from srnet.acquire.scans import Scan, source_module
from srnet.rejection import raise_if_buried
from srnet.volume import Volume

__all__ = ["acquire"]


def acquire(scan: Scan, seed: int) -> Volume:
    """Generate or read `scan`, bring it to the canonical orientation and check it.

    Parameters
    ----------
    scan
        One row of the scan table; its files must be there.
    seed
        Seed of the run; only generated scans depend on it.

    Returns
    -------
    Volume
        int16 HU, at least -1024; padding outside the field of view is air.

    Raises
    ------
    ScanRejected
        If the scan cannot be used, with the file, the reason and the cure.
    """
    for file in scan.files:
        if Path(file).is_file():
            raise_if_buried(file)
    volume: Volume = source_module(scan.source).read(scan, seed)
    return check_values(volume, ", ".join(scan.files) or scan.scan_id)
