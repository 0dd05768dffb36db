"""A body simple enough to know all of, and real scans."""

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from srnet.acquire.acquire import acquire
from srnet.acquire.scan import Scan
from srnet.imaging.volume import Grid, Volume


@pytest.fixture(scope="session")
def torso() -> Volume:
    """Return an asymmetric body of 2 mm voxels on a couch, in HU.

    A fat rim, muscle, a column of shells with cancellous inside and discs
    between them, a canal behind it, a kidney full of contrast, one thick rod in
    front and to the left.
    """
    shape = 60, 90, 110
    down, back, left = np.indices(shape).astype(float)
    hu = np.full(shape, -1000, np.int16)
    radius = np.hypot((back - 40) / 36, (left - 55) / 48)
    hu[radius < 1] = -100
    hu[radius < 0.9] = 45
    column = np.hypot(back - 48, left - 55)
    hu[column < 11] = 700
    hu[column < 8] = 130
    hu[(column < 8) & (down % 15 < 2)] = 60
    hu[(column < 8) & np.isin(down % 15, (2, 14))] = 700
    arch = np.hypot(back - 63, left - 55)
    hu[arch < 8] = 700
    hu[arch < 5] = 30
    hu[np.hypot(back - 35, left - 35) < 7] = 240
    hu[np.hypot(back - 20, left - 80) < 5] = 600
    hu[:, 82:85, 10:100] = 250
    noise = np.random.default_rng(0).normal(0, 8, shape)
    hu = np.where(hu > -1000, hu + noise, hu).astype(np.int16)
    return Volume(hu, Grid.centred(shape, (2.0, 2.0, 2.0), (5.0, -7.0, 11.0)))


@pytest.fixture(scope="session")
def real_ct(srnet_data: Path) -> Callable[[str], Volume]:
    """Return a function that imports one of the real scans by its name."""

    def read(name: str) -> Volume:
        path = srnet_data / "ct" / f"{name}.nii.gz"
        return acquire(Scan(scan_id=name, patient_id=name, source="folder", files=(str(path),)), 0)

    return read


@pytest.fixture(scope="session")
def dicom_ct(
    srnet_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Volume]:
    """Return a function that unpacks and imports one of the clinical series."""

    def read(name: str) -> Volume:
        folder = tmp_path_factory.mktemp(name)
        with tarfile.open(srnet_data / "dicom" / f"{name}.dcm.tar.xz") as archive:
            archive.extractall(folder, filter="data")
        row = Scan(scan_id=name, patient_id=name, source="folder", files=(str(folder),))
        return acquire(row, 0)

    return read
