"""Baselines: reconstructions of the test set that no network made.

A network that does not beat the first three has learned nothing of use. The
last two learn nothing either; they know the geometry and the scale of the
line integrals, and a network that does not beat them has learned less than
the physics gives away.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srnet.core.errors import SrnetError
from srnet.dataset.hdf5 import write_predictions
from srnet.dataset.tensors import Batch, Samples, load_samples
from srnet.imaging.target import TARGET_MAX
from srnet.physics.mlem import fit_to_views, seen_by_both

IPF_SWEEPS = 20
# Where no training scan has bone the mean is 0, which no update could raise.
_LEAST_PRIOR = 1e-5

BaselineMethod = Callable[[Samples, Samples], Iterator[Tensor]]


def _cases(test: Samples) -> Iterator[Batch]:
    return test.batches(torch.arange(len(test)), size=1)


def all_zero(train: Samples, test: Samples) -> Iterator[Tensor]:
    """Yield empty volumes, which PSNR and MAE reward."""
    del train
    for case in _cases(test):
        yield torch.zeros_like(case.target)


def mean_volume(train: Samples, test: Samples) -> Iterator[Tensor]:
    """Yield the mean of the training volumes for every case."""
    mean = _mean(train)
    for _ in range(len(test)):
        yield mean


def nearest_neighbour(train: Samples, test: Samples) -> Iterator[Tensor]:
    """Yield the training volume whose x-ray pair is nearest (L2 over both images)."""
    known = train.views.image.flatten(1)
    for case in _cases(test):
        distance = (known - case.views.image.flatten(1)).square().sum(1)
        yield train.batch(distance.argmin().view(1)).target


def back_projection(train: Samples, test: Samples) -> Iterator[Tensor]:
    """Yield the two x-rays multiplied along their rays: one sweep from a constant volume.

    Voxels that a view does not see are 0.
    """
    del train
    for case in _cases(test):
        yield fit_to_views(seen_by_both(case.views), case.views)


def ipf(train: Samples, test: Samples) -> Iterator[Tensor]:
    """Yield the training mean fitted to both x-rays by multiplicative sweeps."""
    prior = _mean(train) + _LEAST_PRIOR
    for case in _cases(test):
        yield fit_to_views(prior, case.views, IPF_SWEEPS)


BASELINE_METHODS: dict[str, BaselineMethod] = {
    "all_zero": all_zero,
    "mean_volume": mean_volume,
    "nearest_neighbour": nearest_neighbour,
    "back_projection": back_projection,
    "ipf": ipf,
}
"""Row name -> generator of (1, 1, S, S, S) network values, one per test case."""


def predict_baseline(
    name: str, train_set: str | Path, test_set: str | Path, prediction: str | Path
) -> None:
    """Write the reconstructions of one baseline.

    Parameters
    ----------
    name
        Key of `BASELINE_METHODS`.
    train_set, test_set
        Packed data sets.
    prediction
        HDF5 file to write, see `srnet.dataset.hdf5`.

    Raises
    ------
    SrnetError
        If there is no baseline of that name.
    """
    if name not in BASELINE_METHODS:
        raise SrnetError(f"no baseline '{name}'; baselines: {', '.join(BASELINE_METHODS)}")
    train, test = (load_samples(path, gamma=False) for path in (train_set, test_set))
    volumes = (_array(volume) for volume in BASELINE_METHODS[name](train, test))
    write_predictions(prediction, name, test.scans, volumes)


def _mean(train: Samples) -> Tensor:
    # Summed scan by scan: an int16 set as float would take twice its memory.
    total = sum((scan.double() for scan in train.ct), torch.zeros(train.ct.shape[1:]).double())
    return (total / (len(train) * TARGET_MAX)).float()[None, None]


def _array(volume: Tensor) -> NDArray[np.float32]:
    return volume[0, 0].numpy()
