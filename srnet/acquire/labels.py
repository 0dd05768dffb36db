"""Vertebra labels of a scan, where its source has them, on the grid of another volume."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from srnet.acquire.generated import generated_labels
from srnet.acquire.integrity import check_geometry
from srnet.acquire.scan import GENERATED, Scan, check_published
from srnet.core.rejection import raise_if_rejected
from srnet.imaging.formats import import_image
from srnet.imaging.volume import Grid


def vertebra_labels(scan: Scan, seed: int, grid: Grid) -> NDArray[np.uint8]:
    """Return the labels of a scan at the voxel centres of `grid`, uint8, 0 outside of them.

    Parameters
    ----------
    scan
        A row of the scan table that has labels.
    seed
        Seed of the run, for generated scans.
    grid
        Any grid in the coordinates of the patient.

    Raises
    ------
    ScanRejected
        If the file was rejected at download, is not the published one, or is not an image.
    """
    if scan.labels == GENERATED:
        image = generated_labels(scan, seed)
    else:
        raise_if_rejected(scan.labels)
        check_published(scan.labels, scan.labels_remote)
        image = check_geometry(import_image(scan.labels), scan.labels)
    index = np.linalg.inv(image.affine) @ grid.affine
    labels: NDArray[np.uint8] = affine_transform(
        np.rint(image.array).astype(np.uint8),
        index[:3, :3],
        index[:3, 3],
        output_shape=grid.shape,
        order=0,
    )
    return labels
