"""Fixtures that every area shares."""

import os
from pathlib import Path

import hypothesis
import pytest

# On a busy machine an example may take long, which says nothing about the code.
hypothesis.settings.register_profile("srnet", deadline=None)
hypothesis.settings.load_profile("srnet")

FIXTURES = ("boxes", "ct", "packed", "small_run", "xrays")
pytest_plugins = [f"tests.fixtures.{name}" for name in FIXTURES]


@pytest.fixture(scope="session")
def srnet_data() -> Path:
    """Return the folder of real scans, or skip where there is none."""
    folder = os.environ.get("SRNET_DATA")
    if not folder:
        pytest.skip("SRNET_DATA is not set: no real scans on this machine")
    return Path(folder)
