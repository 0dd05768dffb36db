"""The input of a reconstruction network: the two x-rays of a patient."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srnet.core.errors import SrnetError
from srnet.imaging.target import TARGET_MAX
from srnet.imaging.xray import correct_gamma


class Views(NamedTuple):
    """A batch of x-ray pairs, channel 0 anteroposterior, channel 1 lateral.

    Attributes
    ----------
    image
        (N, 2, S, S) grey values in [0, 1], each image normalised by itself.
        Rows run from superior to inferior; columns of the AP view from patient
        right to left, of the lateral view from anterior to posterior.
    integral
        (N, 2, S, S) line integrals of the volume that the network shall
        return, in network value x mm (HU mm / 2500).
    spacing_mm
        (N, 3) voxel size along the axes of the volume.
    source_mm
        (N,) distance from either source to the isocentre, the volume's centre.
    """

    image: Tensor
    integral: Tensor
    spacing_mm: Tensor
    source_mm: Tensor

    def to(self, device: torch.device) -> "Views":
        """Return the batch on `device`."""
        return Views(*(tensor.to(device) for tensor in self))


def make_views(
    grey: NDArray[np.float32],
    full_scale_hu_mm: NDArray[np.float32],
    spacing_mm: NDArray[np.floating],
    source_to_isocentre_mm: float,
    *,
    gamma: bool,
) -> Views:
    """Return a batch of x-rays for a network, in training and for films alike.

    Parameters
    ----------
    grey
        (N, 2, S, S) AP and lateral images in [0, 1], each normalised by itself.
    full_scale_hu_mm
        (N, 2) line integrals at grey 1.
    spacing_mm
        (N, 3) voxel size of the volumes.
    source_to_isocentre_mm
        Distance from either source to the middle of the volume.
    gamma
        Gamma-correct the images (eqs 19-20); line integrals stay as they are.

    Raises
    ------
    SrnetError
        If the source lies inside a volume.
    """
    reach = spacing_mm.max() * (grey.shape[-1] - 1) / 2
    if reach >= source_to_isocentre_mm:
        raise SrnetError(
            f"a source {source_to_isocentre_mm:g} mm from the isocentre stands inside a volume "
            f"that reaches {reach:g} mm; mend the spacing, or raise drr.source_to_isocentre_mm"
        )
    scale = full_scale_hu_mm[:, :, None, None].astype(np.float32) / np.float32(TARGET_MAX)
    spacing = spacing_mm.astype(np.float32)
    source = np.full(len(grey), source_to_isocentre_mm, np.float32)
    image = np.stack([[correct_gamma(view) for view in pair] for pair in grey]) if gamma else grey
    return Views(*map(torch.from_numpy, (image, grey * scale, spacing, source)))
