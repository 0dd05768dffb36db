"""Small networks and x-rays."""

import pytest
import torch

from srnet.nets.views import Views

SIZE = 32
WIDTH = 0.125


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small layers gain nothing from threads, and lose much where tests run side by side."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def volume():
    """Two rods of bone in an empty cube, (2, 1, S, S, S)."""
    cube = torch.zeros(2, 1, SIZE, SIZE, SIZE)
    cube[0, 0, 4:28, 12:18, 14:22] = 0.5
    cube[1, 0, 2:22, 16:24, 10:16] = 0.4
    return cube


@pytest.fixture
def views(volume):
    """Parallel projections of `volume`."""
    integral = torch.stack([volume[:, 0].sum(2), volume[:, 0].sum(3)], dim=1)
    image = integral / integral.amax(dim=(2, 3), keepdim=True)
    return Views(image, integral, torch.ones(2, 3), torch.full((2,), 541.0))
