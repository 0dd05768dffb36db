"""OpenKBP: 340 head-and-neck patients, whose CTs are published as sparse tables.

`ct.csv` lists flat indices into a 128x128x128 array and their values, HU + 1024; other voxels are
outside the patient. The array is indexed [anterior to posterior, patient right to left, superior
to inferior] in C order; `voxel_dimensions.csv` gives the voxel size in the same order.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.acquire.integrity import LARGEST_SPACING_MM
from srnet.acquire.scan import Scan
from srnet.config.cohort import OpenkbpSource
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.volume import Grid, Volume

FILES = ("ct.csv", "voxel_dimensions.csv")
EDGE = 128
_OFFSET_HU = 1024
_HIGHEST = 32767
_FOLDERS = {"train-pats": (1, 200), "validation-pats": (201, 240), "test-pats": (241, 340)}


def list_source(settings: OpenkbpSource) -> list[Scan]:
    """Return the patients: all 340 to download, or those of a local copy.

    Raises
    ------
    SrnetError
        If the local copy has none.
    """
    patients = [
        (number, f"{folder}/pt_{number}")
        for folder, (first, last) in _FOLDERS.items()
        for number in range(first, last + 1)
    ]
    if settings.path is None:
        scans = [
            _scan(n, remotes=[{"name": f, "url": f"{settings.address}/{p}/{f}"} for f in FILES])
            for n, p in patients
        ]
    else:
        root = Path(settings.path)
        scans = [
            _scan(n, files=[str(root / p / f) for f in FILES])
            for n, p in patients
            if (root / p / FILES[0]).is_file()
        ]
        if not scans:
            raise SrnetError(
                f"{root}: holds no {next(iter(_FOLDERS))}/pt_1/{FILES[0]} or the like; give the "
                "folder 'provided-data' of a clone of github.com/ababier/open-kbp, or no path"
            )
    return scans[: settings.limit]


def _scan(number: int, **files: Any) -> Scan:
    name = f"openkbp-{number:03d}"
    row = {"scan_id": name, "patient_id": name, "source": "openkbp", "licence": "MIT"}
    return Scan.parse(row | files)


def read(scan: Scan, seed: int) -> Volume:  # noqa: ARG001 - the interface of all sources
    """Read a patient's two tables; raise `ScanRejected` if one is cut, empty or malformed."""
    values, voxel = (Path(file) for file in scan.files)
    step = _numbers(voxel, 0)
    if step.shape != (3,) or not np.all((step > 0) & (step <= LARGEST_SPACING_MM)):
        raise ScanRejected(
            f"{voxel}: {step.tolist()} are not three voxel sizes of up to {LARGEST_SPACING_MM:g} "
            "mm; download it again"
        )
    deep, wide, high = (float(s) for s in step)
    array = np.ascontiguousarray(_dense(values).transpose(2, 0, 1))
    # The publisher gives no position: the most inferior slice is put at height 0.
    grid = Grid((EDGE, EDGE, EDGE), (high, deep, wide), (0.0, 0.0, (EDGE - 1) * high))
    return Volume(array, grid)


def _dense(path: Path) -> NDArray[np.int16]:
    """Return the array that a sparse table describes, in HU."""
    table = _numbers(path, 1)
    cells = EDGE**3
    if table.ndim != 2 or table.shape[1] != 2:
        raise ScanRejected(f"{path}: is not a table of index and value; download it again")
    index = table[:, 0].astype(np.int64)
    if np.any(index != table[:, 0]) or index.min() < 0 or index.max() >= cells:
        raise ScanRejected(
            f"{path}: its indices run from {table[:, 0].min():.10g} to {table[:, 0].max():.10g}, "
            f"outside of {EDGE}^3 = {cells} voxels; download it again"
        )
    if len(np.unique(index)) != len(index):
        raise ScanRejected(f"{path}: lists voxels more than once; download it again")
    if not np.all((table[:, 1] >= 0) & (table[:, 1] <= _HIGHEST)):
        raise ScanRejected(
            f"{path}: its values are not HU + {_OFFSET_HU} from 0 to {_HIGHEST}; download it again"
        )
    flat = np.zeros(cells, dtype=np.int16)
    flat[index] = np.rint(table[:, 1]).astype(np.int16)
    return flat.reshape(EDGE, EDGE, EDGE) - np.int16(_OFFSET_HU)


def _numbers(path: Path, skip: int) -> NDArray[np.float64]:
    if path.stat().st_size == 0:
        raise ScanRejected(f"{path}: is empty (0 bytes); download it again")
    try:
        return np.loadtxt(path, delimiter=",", skiprows=skip)
    except ValueError as failure:
        raise ScanRejected(
            f"{path}: is not a table of numbers ({failure}); download it again"
        ) from None
