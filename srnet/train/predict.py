"""Reconstruct a packed test set with a trained model."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from srnet.core.errors import SrnetError
from srnet.dataset.hdf5 import write_predictions
from srnet.dataset.tensors import load_samples
from srnet.physics.views import Views
from srnet.train.checkpoint import load_model


def predict(model: str | Path, test: str | Path, prediction: str | Path, threads: int) -> None:
    """Write one reconstruction per scan of a test set.

    Parameters
    ----------
    model
        Model file of `srnet.train.train`; it says how its x-rays are prepared.
    test
        Packed test set.
    prediction
        HDF5 file to write, see `srnet.dataset.hdf5`; its row is the name of the file.
    threads
        CPU threads.

    Raises
    ------
    SrnetError
        If model and test set differ in size or geometry.
    """
    torch.set_num_threads(threads)
    net, card = load_model(model)
    samples = load_samples(test, card.train.gamma)
    size, source = samples.ct.shape[-1], float(samples.views.source_mm[0])
    if size != card.size:
        raise SrnetError(
            f"{test}: volumes of {size} voxels a side, but the model was trained at {card.size}"
        )
    if source != card.source_to_isocentre_mm:
        raise SrnetError(
            f"{test}: x-ray source at {source:g} mm from the isocentre, but the model was trained "
            f"at {card.source_to_isocentre_mm:g} mm"
        )
    device = choose_device()
    batches = samples.batches(torch.arange(len(samples)), size=1)
    volumes = (run_net(net, batch.views, device) for batch in batches)
    write_predictions(prediction, Path(prediction).stem, samples.scans, volumes)


def choose_device(device: str = "auto") -> torch.device:
    """Return the device of networks: `auto` is a GPU if there is one; or `cpu`, or `gpu`.

    Raises
    ------
    SrnetError
        If `gpu` is asked for and there is none.
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
    volume: Tensor = net.to(device)(views.to(device))
    return volume[0, 0].float().cpu().numpy()
