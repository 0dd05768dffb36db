"""A small test set with an unmistakable shape, and reconstructions of it."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

SIZE = 32
SPACING = (3.0, 2.0, 1.0)


def column(offset: int) -> np.ndarray:
    """Return a spine-like column, off centre to the patient's right, as stored values."""
    ct = np.zeros((SIZE, SIZE, SIZE), np.int16)
    ct[:, 18:24, 8 + offset : 14 + offset] = 1400
    ct[::4] = 0
    ct[4:8, 4:8, 20:24] = 2200
    return ct


@dataclass
class FakeRun:
    """Paths of a test set and of predictions by row."""

    test: Path
    predictions: dict[str, Path]


def _write_strings(file, key, values):
    file.create_dataset(key, data=values, dtype=h5py.string_dtype())


@pytest.fixture(scope="session")
def fake_run(tmp_path_factory) -> FakeRun:
    """Write three test scans and the predictions of three rows in the stored layout."""
    folder = tmp_path_factory.mktemp("run")
    scans = ["sub-a_ct", "sub-b_ct", "sub-c_ct"]
    ct = np.stack([column(offset) for offset in range(len(scans))])
    with h5py.File(folder / "test.h5", "w") as file:
        file["ct"] = ct
        for name, axis in (("ap", 2), ("lateral", 3)):
            total = ct.sum(axis=axis, dtype=np.float64)
            file[name] = (total / total.max() * 65535).astype(np.uint16)
        file["full_scale_hu_mm"] = np.full((len(scans), 2), 5e4, np.float32)
        file["spacing_mm"] = np.tile(SPACING, (len(scans), 1))
        file["origin_mm"] = np.zeros((len(scans), 3))
        for key in ("scan", "patient", "source"):
            _write_strings(file, key, scans)
        file.attrs.update(size=SIZE, record="0123456789abcdef")
        file.attrs.update(source_to_isocentre_mm=541.0, source_to_detector_mm=949.0)
    predictions = {}
    for row, scale in (("ipf", 0.4), ("x2ct", 0.7), ("srnet3d", 0.9)):
        predictions[row] = folder / f"{row}.h5"
        with h5py.File(predictions[row], "w") as file:
            # The second scan comes out best, the third worst.
            factor = np.array([scale, 1.0, scale / 2])[:, None, None, None]
            file["ct"] = (ct / 2500 * factor).astype(np.float32)
            _write_strings(file, "scan", scans)
            file.attrs.update(row=row, record="")
    return FakeRun(folder / "test.h5", predictions)
