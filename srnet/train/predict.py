"""Reconstruct a packed test set with a trained model."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from srnet.core.errors import SrnetError
from srnet.dataset.hdf5 import write_predictions
from srnet.dataset.tensors import Samples, load_samples
from srnet.physics.views import Views
from srnet.train.checkpoint import LoadedModel, load_model


def predict(model: str | Path, test: str | Path, prediction: str | Path, threads: int) -> None:
    """Write one reconstruction per scan of a test set.

    Parameters
    ----------
    model
        Model file of `srnet.train.train`; it says how its x-rays are prepared.
    test
        Packed test set.
    prediction
        HDF5 file to write, see `srnet.dataset.hdf5`; its row is the
        name of the file.
    threads
        CPU threads.

    Raises
    ------
    SrnetError
        If model and test set differ in size or geometry.
    """
    torch.set_num_threads(threads)
    loaded = load_model(model)
    samples = load_samples(test, loaded.card.train.gamma)
    _raise_if_unlike(loaded, samples, test)
    write_predictions(prediction, Path(prediction).stem, samples.scans, _volumes(loaded, samples))


def choose_device(device: str = "auto") -> torch.device:
    """Return where networks run: `auto` takes a GPU if there is one, `cpu` and `gpu` insist.

    Raises
    ------
    SrnetError
        If a GPU is insisted on and there is none.
    """
    present = torch.cuda.is_available()
    if device == "gpu" and not present:
        raise SrnetError("device gpu: PyTorch sees no GPU; choose auto or cpu")
    return torch.device("cuda" if present and device != "cpu" else "cpu")


@torch.inference_mode()
def run_net(net: nn.Module, views: Views, device: torch.device) -> NDArray[np.float32]:
    """Return the network values of one x-ray pair, (S, S, S), not clipped.

    Evaluation and clinical use both call this, so that they cannot differ.
    """
    volume: Tensor = net.to(device)(Views(*(tensor.to(device) for tensor in views)))
    return volume[0, 0].float().cpu().numpy()


def _volumes(loaded: LoadedModel, samples: Samples) -> Iterator[NDArray[np.float32]]:
    device = choose_device()
    for index in range(len(samples)):
        yield run_net(loaded.net, samples.batch(torch.tensor([index])).views, device)


def _raise_if_unlike(loaded: LoadedModel, samples: Samples, test: str | Path) -> None:
    card, size = loaded.card, samples.ct.shape[-1]
    if size != card.size:
        raise SrnetError(
            f"{test}: volumes of {size} voxels a side, but the model was trained at {card.size}"
        )
    source = float(samples.views.source_mm[0])
    if source != card.source_to_isocentre_mm:
        raise SrnetError(
            f"{test}: x-ray source at {source:g} mm from the isocentre, but the model was trained "
            f"at {card.source_to_isocentre_mm:g} mm"
        )
