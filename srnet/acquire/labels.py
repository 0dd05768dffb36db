"""Vertebra labels of a scan, where its source has them, on the grid of another volume."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from srnet.acquire.generated import generated_labels
from srnet.acquire.integrity import check_geometry
from srnet.acquire.scan import GENERATED, Scan
from srnet.core.rejection import raise_if_rejected
from srnet.imaging.formats import Image, import_image
from srnet.imaging.volume import Grid


def vertebra_labels(scan: Scan, seed: int, grid: Grid) -> NDArray[np.uint8]:
    """Return the labels of a scan, taken at the voxel centres of `grid`.

    Parameters
    ----------
    scan
        A row of the scan table that has labels.
    seed
        Seed of the run; only generated scans depend on it.
    grid
        Any grid in the patient; outside of the labels there is background, 0.

    Raises
    ------
    ScanRejected
        If the file was refused at download, or is no image.
    """
    image = generated_labels(scan, seed) if scan.labels == GENERATED else _read(scan.labels)
    index = np.linalg.inv(image.affine) @ grid.affine
    labels: NDArray[np.uint8] = affine_transform(
        np.rint(image.array).astype(np.uint8),
        index[:3, :3],
        index[:3, 3],
        output_shape=grid.shape,
        order=0,
    )
    return labels


def _read(path: str) -> Image:
    raise_if_rejected(path)
    return check_geometry(import_image(path), path)
