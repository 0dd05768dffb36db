"""Networks are tested on one thread."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small layers gain nothing from threads, and lose much where tests run side by side."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
