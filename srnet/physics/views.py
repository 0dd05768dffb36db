"""What a reconstruction network is given: the two x-rays of a patient."""

from typing import NamedTuple

from torch import Tensor


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
