"""Stage: predict the test set with a baseline, without a network.

A network that does not beat the first three has learned nothing of use. The
last two learn nothing either, but they know the geometry and the scale of the
line integrals: a network that does not beat them has learned less than the
physics alone tells.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from srnet.core.errors import SrnetError
from srnet.dataset.hdf5 import write_predictions
from srnet.dataset.tensors import Batch, Samples, load_samples
from srnet.imaging.target import TARGET_MAX
from srnet.physics.mlem import fit_to_views, seen_by_both

IPF_SWEEPS = 20
# Where no training scan has bone the mean is 0, which no update could raise.
_LEAST_PRIOR = 1e-5


def _cases(test: Samples) -> Iterator[Batch]:
    return test.batches(torch.arange(len(test)), size=1)


def _mean(train: Samples) -> Tensor:
    # Summed scan by scan: an int16 set as float would take twice its memory.
    total = sum((scan.double() for scan in train.ct), torch.zeros(train.ct.shape[1:]).double())
    return (total / (len(train) * TARGET_MAX)).float()[None, None]


def all_zero(train: Samples, test: Samples) -> Iterator[Tensor]:
    """Yield empty volumes, which PSNR and MAE reward."""
    del train
    for case in _cases(test):
        yield torch.zeros_like(case.target)


def mean_volume(train: Samples, test: Samples) -> Iterator[Tensor]:
    """Yield the mean of the training volumes for every case."""
    yield from [_mean(train)] * len(test)


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


GENERATORS: dict[str, Callable[[Samples, Samples], Iterator[Tensor]]] = {
    generator.__name__: generator
    for generator in (all_zero, mean_volume, nearest_neighbour, back_projection, ipf)
}
"""Each of `BASELINES` -> generator of (1, 1, S, S, S) network values, one per test case."""


def predict_baseline(
    name: str, train_set: str | Path, test_set: str | Path, prediction: str | Path
) -> None:
    """Write the predictions of one baseline.

    Parameters
    ----------
    name
        One of `srnet.evaluate.baselines.BASELINES`.
    train_set, test_set
        Packed data sets.
    prediction
        HDF5 file to write, see `srnet.dataset.hdf5`.

    Raises
    ------
    SrnetError
        If there is no baseline of that name.
    """
    if name not in GENERATORS:
        raise SrnetError(f"no baseline '{name}'; baselines: {', '.join(GENERATORS)}")
    train, test = (load_samples(path, gamma=False) for path in (train_set, test_set))
    volumes = (volume[0, 0].numpy() for volume in GENERATORS[name](train, test))
    write_predictions(prediction, name, test.scans, volumes)
