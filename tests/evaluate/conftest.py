"""A tiny bone-like pair, and the files of a tiny test set."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import ndimage

from srnet.prepare.geometry import ConeBeam, View
from srnet.prepare.project_drr import cast_rays
from srnet.volume import Grid, Volume
from srnet.xray import LEVELS

SIZE = 32
SPACING_MM = (4.0, 3.0, 2.5)
BEAM = ConeBeam(541.0, 949.0)


def bone(seed: int, size: int = SIZE) -> np.ndarray:
    """Return a stored target, int16 (size, size, size): blobs of bone in exact zeros."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((size,) * 3), 2)
    edge = size // 8
    noise[:edge] = noise[-edge:] = -1
    inside = noise > np.quantile(noise, 0.95)
    return np.where(inside, np.clip(1200 + 3000 * noise, 700, 2500), 0).astype(np.int16)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    """Return truth and a plausible reconstruction as network values."""
    truth = (bone(1) / 2500).astype(np.float32)
    return truth, ndimage.gaussian_filter(truth, 0.8)


@pytest.fixture
def test_set(tmp_path: Path) -> Path:
    """Return a packed test set: three scans, two patients."""
    targets = np.stack([bone(seed) for seed in range(3)])
    grid = Grid((SIZE,) * 3, SPACING_MM, (0.0, 0.0, 0.0))
    views = np.array([[cast_rays(Volume(t, grid), BEAM, v) for v in View] for t in targets])
    scale = views.max(axis=(2, 3))
    grey = np.round(views / scale[..., None, None] * LEVELS).astype(np.uint16)
    path = tmp_path / "test.h5"
    with h5py.File(path, "w") as file:
        file["ct"], file["ap"], file["lateral"] = targets, grey[:, 0], grey[:, 1]
        file["full_scale_hu_mm"] = scale.astype(np.float32)
        file["spacing_mm"] = np.tile(SPACING_MM, (3, 1))
        file["origin_mm"] = np.zeros((3, 3))
        text = h5py.string_dtype()
        file.create_dataset("scan", data=["a", "NA", "c"], dtype=text)
        file.create_dataset("patient", data=["p", "p", "q"], dtype=text)
        file.create_dataset("source", data=["phantom"] * 3, dtype=text)
        file.attrs.update(size=SIZE, source_to_isocentre_mm=541.0, source_to_detector_mm=949.0)
    return path


@pytest.fixture
def predict(tmp_path: Path, test_set: Path) -> Callable[..., Path]:
    """Return a function that writes reconstructions made from the truth by `change`."""

    def write(
        row: str, change: Callable[[np.ndarray], np.ndarray], scans=("a", "NA", "c")
    ) -> Path:
        path = tmp_path / f"{row}.h5"
        with h5py.File(test_set) as test, h5py.File(path, "w") as file:
            truth = (test["ct"][:] / 2500).astype(np.float32)
            file["ct"] = np.stack([change(volume) for volume in truth]).astype(np.float32)
            file.create_dataset("scan", data=list(scans), dtype=h5py.string_dtype())
            file.attrs["row"] = row
        return path

    return write
