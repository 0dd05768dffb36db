"""A packed data set in memory, and batches of it on any device."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from srnet.dataset.hdf5 import read_dataset
from srnet.imaging.target import TARGET_MAX
from srnet.physics.views import Views, make_views


@dataclass(frozen=True)
class Batch:
    """X-ray pairs and their target volumes, (N, 1, S, S, S) network values."""

    views: Views
    target: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on `device`."""
        return Batch(self.views.to(device), self.target.to(device))


@dataclass(frozen=True)
class Samples:
    """A whole data set: x-rays as float32, volumes as int16 until a batch needs them.

    Attributes
    ----------
    views
        All x-ray pairs.
    ct
        int16 (N, S, S, S) stored targets, 0 to 2500.
    scans
        Scan ids.
    """

    views: Views
    ct: Tensor
    scans: tuple[str, ...]

    def __len__(self) -> int:
        return self.ct.shape[0]

    def to_where_it_fits(self, device: torch.device) -> "Samples":
        """Return the data set on `device` if it fits in half of the free GPU memory there.

        Otherwise it stays where it is, and batches are copied one by one.
        """
        if device.type != "cuda":
            return self
        needed = self.ct.nbytes + sum(tensor.nbytes for tensor in self.views)
        free, _ = torch.cuda.mem_get_info(device)
        if 2 * needed > free:
            return self
        return replace(self, views=self.views.to(device), ct=self.ct.to(device))

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
    data = read_dataset(path)
    views = make_views(
        data.all_xrays(),
        data.full_scale_hu_mm,
        data.spacing_mm,
        data.beam.source_to_isocentre_mm,
        gamma=gamma,
    )
    return Samples(views, torch.from_numpy(data.all_targets()), data.scans)


def epoch_order(samples: int, multiple: int, seed: int) -> Tensor:
    """Return all sample indices in random order, padded to a multiple of `multiple`.

    The first ones are repeated at the end, so that every step of every process has a full
    batch.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(samples, generator=generator)
    padded = -(-samples // multiple) * multiple
    return order.repeat(-(-padded // samples))[:padded]
