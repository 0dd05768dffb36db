"""A packed data set in memory, ready for batches on any device."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the compression filters)
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srnet.core.errors import SrnetError
from srnet.imaging.target import TARGET_MAX
from srnet.imaging.xray import LEVELS, correct_gamma
from srnet.physics.views import Views


@dataclass(frozen=True)
class Batch:
    """Some x-ray pairs and their volumes, (N, 1, S, S, S) network values."""

    views: Views
    target: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on `device`."""
        return Batch(Views(*(tensor.to(device) for tensor in self.views)), self.target.to(device))


@dataclass(frozen=True)
class Samples:
    """A whole data set: x-rays as float32, volumes as int16 until they are used.

    Attributes
    ----------
    views
        All x-ray pairs.
    ct
        int16 (N, S, S, S) stored target values, 0 to 2500.
    scans
        Scan ids.
    """

    views: Views
    ct: Tensor
    scans: tuple[str, ...]

    def __len__(self) -> int:
        return self.ct.shape[0]

    def to_where_it_fits(self, device: torch.device) -> "Samples":
        """Return the data set on `device` if it takes less than half of the free memory there.

        Otherwise it stays where it is, and batches travel one by one.
        """
        if device.type != "cuda":
            return self
        needed = self.ct.nbytes + sum(tensor.nbytes for tensor in self.views)
        free, _ = torch.cuda.mem_get_info(device)
        if 2 * needed > free:
            return self
        views = Views(*(tensor.to(device) for tensor in self.views))
        return replace(self, views=views, ct=self.ct.to(device))

    def batch(self, index: Tensor) -> Batch:
        """Return the samples at `index`."""
        index = index.to(self.ct.device)
        views = Views(*(tensor[index] for tensor in self.views))
        return Batch(views, self.ct[index].unsqueeze(1).float() / TARGET_MAX)

    def batches(self, order: Tensor, size: int) -> Iterator[Batch]:
        """Yield batches of `size` in the given order; the last may be smaller."""
        for index in order.split(size):  # type: ignore[no-untyped-call]
            yield self.batch(index)


def load_samples(path: str | Path, gamma: bool) -> Samples:
    """Read a packed data set into memory.

    Parameters
    ----------
    path
        File that `srnet.dataset.pack_dataset` wrote.
    gamma
        Gamma-correct the x-ray images (eqs 19-20); line integrals stay as they are.
    """
    with h5py.File(path) as file:
        levels = np.stack([file["ap"][:], file["lateral"][:]], axis=1).astype(np.float32)
        views = make_views(
            levels / np.float32(LEVELS),
            file["full_scale_hu_mm"][:],
            file["spacing_mm"][:],
            file.attrs["source_to_isocentre_mm"],
            gamma=gamma,
        )
        return Samples(views, torch.from_numpy(file["ct"][:]), tuple(file["scan"].asstr()[:]))


def make_views(
    grey: NDArray[np.float32],
    full_scale_hu_mm: NDArray[np.float32],
    spacing_mm: NDArray[np.floating],
    source_to_isocentre_mm: float,
    *,
    gamma: bool,
) -> Views:
    """Return x-rays as a network is given them, in training and on films alike.

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
        If the source stands inside a volume.
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


def epoch_order(samples: int, multiple: int, seed: int) -> Tensor:
    """Return all sample indices in random order, the first ones repeated at the end.

    The length is the next `multiple`, so that every step of every process
    sees a full batch.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(samples, generator=generator)
    padded = -(-samples // multiple) * multiple
    return order.repeat(-(-padded // samples))[:padded]
