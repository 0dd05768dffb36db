"""Vertebra labels of a scan, where its source has them, on the grid of another volume."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from srnet.acquire.generated import generated_labels
from srnet.acquire.integrity import check_geometry
from srnet.acquire.scan import GENERATED, Scan, check_published
from srnet.core.errors import ScanRejected
from srnet.core.rejection import raise_if_rejected
from srnet.imaging.formats import import_image
from srnet.imaging.volume import Grid

_LABEL_TOLERANCE = 0.01


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
        If the file was rejected at download, is not the published one, is not an image, holds
        other values than labels, or lies outside of the grid.
    """
    if scan.labels == GENERATED:
        image = generated_labels(scan, seed)
    else:
        raise_if_rejected(scan.labels)
        check_published(scan.labels, scan.labels_remote)
        image = check_geometry(import_image(scan.labels), scan.labels)
    index = np.linalg.inv(image.affine) @ grid.affine
    whole = _whole_numbers(image.array, scan.labels)
    labels: NDArray[np.uint8] = affine_transform(
        whole,
        index[:3, :3],
        index[:3, 3],
        output_shape=grid.shape,
        order=0,
    )
    if whole.any() and not labels.any():
        raise ScanRejected(
            f"{scan.labels}: all of it lies outside of the scan; give its own labels"
        )
    return labels


def _whole_numbers(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return labels as uint8, or refuse numbers that are none."""
    labels: NDArray[np.uint8] = np.rint(np.clip(np.nan_to_num(array, nan=-1.0), 0, 255)).astype(
        np.uint8
    )
    # What resampling left between two labels is far from both.
    if not np.all(np.abs(labels - array.astype(np.float32)) < _LABEL_TOLERANCE):
        raise ScanRejected(
            f"{name}: holds values that are no labels, which are whole numbers from 0 to 255; "
            "give the vertebra labels, resampled without interpolation"
        )
    return labels
