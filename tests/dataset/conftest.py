"""A small cohort of scans and the files of its samples."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from srnet.acquire.scan import Scan
from srnet.config.cohort import SplitSettings
from srnet.dataset.pack_dataset import SampleFiles
from srnet.dataset.split_cohort import split_cohort
from srnet.imaging.volume import Grid, Volume, write_volume
from srnet.imaging.xray import Xray, write_xray

SIZE = 16


@dataclass
class Cohort:
    """Scans, the files of each, and a split."""

    scans: list
    files: list
    split: list


def sample(folder: Path, scan: str, seed: int) -> SampleFiles:
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 2501, (SIZE,) * 3).astype(np.int16)
    array[:, :8] = 0
    files = SampleFiles(
        *(folder / name for name in (f"{scan}.nii.gz", f"{scan}a.png", f"{scan}l.png"))
    )
    spacing = (1.0 + seed / 10, 2.0, 0.5)
    write_volume(files.volume, Volume(array, Grid.centred(array.shape, spacing, (seed, 2, 3))))
    for path, scale in ((files.ap, 5e4), (files.lateral, 7e4)):
        grey = rng.random((SIZE, SIZE)).astype(np.float32)
        write_xray(path, Xray(grey / grey.max(), scale + seed))
    return files


@pytest.fixture(scope="session")
def cohort(tmp_path_factory) -> Cohort:
    """Return twelve scans of twelve patients with files."""
    folder = tmp_path_factory.mktemp("cohort")
    names = [f"scan{i:02d}" for i in range(12)]
    scans = [Scan(scan_id=n, patient_id=f"patient-{n}", source="phantom") for n in names]
    files = [sample(folder, name, seed) for seed, name in enumerate(names)]
    products = [(f.volume, f.ap) for f in files]
    split, _ = split_cohort(scans, products, SplitSettings(), "distinct", seed=1)
    return Cohort(scans, files, split)
