"""Small CT scans for the tests of acquisition."""

import nibabel
import numpy as np
import pytest
from loopback import serve  # type: ignore[import-not-found]

from srnet.acquire.download import Client, Policy
from srnet.acquire.phantom import make_phantom
from srnet.acquire.scans import Scan
from srnet.volume import Image


@pytest.fixture(scope="session")
def spine():
    """A whole generated spine at 3 mm with its truth."""
    scan = Scan(scan_id="spine", patient_id="spine", source="phantom", index=4, spacing_mm=3.0)
    return make_phantom(scan, seed=1)


@pytest.fixture(scope="session")
def tiny_ct():
    """A body with a bone in air, asymmetric in every axis: an `Image` in RAS, 2x2x3 mm."""
    right, front, up = np.meshgrid(np.arange(40), np.arange(44), np.arange(36), indexing="ij")
    hu = np.full((40, 44, 36), -1000, dtype=np.int16)
    hu[((right - 18) / 16) ** 2 + ((front - 24) / 18) ** 2 < 1] = 40
    hu[(right - 18) ** 2 + (front - 14) ** 2 < 30] = 700
    hu[(right - 26) ** 2 + (front - 30) ** 2 + (up - 24) ** 2 < 40] = -80
    hu[2, 3, 4] = 333
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = -31, 12, 57
    return Image(hu, affine, (2.0, 2.0, 3.0))


@pytest.fixture
def write_nifti():
    def write(path, array, affine):
        image = nibabel.Nifti1Image(array, affine)
        image.set_data_dtype(array.dtype)
        nibabel.save(image, path)
        return path

    return write


@pytest.fixture
def site():
    """A loopback server that misbehaves on request (`loopback.Site`)."""
    yield from serve()


class NotingClient(Client):
    """Never waits, but notes how long it would."""

    def __init__(self):
        self.pauses: list[float] = []
        super().__init__(policy=Policy(attempts=3, timeout_s=5), sleep=self.pauses.append)


@pytest.fixture
def client():
    """A download client that notes in `client.pauses` how long it would wait."""
    return NotingClient()
