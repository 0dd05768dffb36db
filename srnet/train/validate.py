"""Scores of the validation set, quick enough for every few epochs."""

from dataclasses import dataclass

import torch
from torch import Tensor

from srnet.errors import SrnetError
from srnet.nets.reconstructor import Reconstructor
from srnet.target import TARGET_MAX
from srnet.train.data import Samples

__all__ = ["Validation", "cosine", "psnr3d", "raise_if_dead", "validate"]

PEAK = 4095.0
_DEAD = 0.01


@dataclass(frozen=True)
class Validation:
    """Means over the validation set, and its first case to look at.

    Attributes
    ----------
    psnr3d
        Peak signal-to-noise ratio over the volume with peak 4095, in dB.
    cosine
        Cosine similarity, 0 for an empty prediction.
    max_prediction
        Largest network value that was predicted anywhere.
    contrast
        Largest difference between two voxels of one volume as the network makes
        it, before any physics.
    truth, prediction
        (S, S, S) network values of the first case.
    """

    psnr3d: float
    cosine: float
    max_prediction: float
    contrast: float
    truth: Tensor
    prediction: Tensor

    def scores(self) -> dict[str, float]:
        """Return the scores by the names that the history gives them."""
        names = ("psnr3d", "cosine", "max_prediction")
        return {f"validation_{name}": getattr(self, name) for name in names}


@torch.no_grad()
def validate(net: Reconstructor, samples: Samples, device: torch.device) -> Validation:
    """Score `net` in evaluation mode, case by case."""
    net.eval()
    psnr, similarity, largest, contrast = 0.0, 0.0, 0.0, 0.0
    first: tuple[Tensor, Tensor] | None = None
    for each in samples.batches(torch.arange(len(samples)), size=1):
        batch = each.to(device)
        start = net.start(batch.views)
        prediction = net.finish(start, batch.views).float()
        contrast = max(contrast, (start.max() - start.min()).item())
        largest = max(largest, prediction.max().item())
        prediction = prediction.clamp(0, 1)
        psnr += psnr3d(prediction, batch.target)
        similarity += cosine(prediction, batch.target)
        first = first or (batch.target[0, 0], prediction[0, 0])
    if first is None:
        raise SrnetError("the validation set is empty; raise split.validation_fraction")
    net.train()
    means = psnr / len(samples), similarity / len(samples)
    return Validation(*means, largest, contrast, *first)


def raise_if_dead(validation: Validation) -> None:
    """Stop a training whose output is the same everywhere, which nearly always means zero.

    Less than one voxel in a hundred is bone, so that an empty volume is a
    strong attractor; behind a ReLU there is no way back from it. PSNR and MAE
    do not show it, since empty volumes score well, and no score shows it where
    physics makes a back-projection of what the network left empty.

    Raises
    ------
    SrnetError
        If no volume of the validation set has a contrast of 0.01.
    """
    if validation.contrast < _DEAD:
        raise SrnetError(
            f"the network makes empty volumes: over the validation set no two of its values "
            f"differ by more than {validation.contrast:.3g}. Its output has died; set "
            f"train.optimiser to adam, lower train.learning_rate (2e-3 holds) and keep "
            f"train.loss.projection above 0"
        )


def psnr3d(prediction: Tensor, target: Tensor) -> float:
    """Return the PSNR with peak 4095 over all voxels of network values in [0, 1], in dB."""
    difference = (prediction * TARGET_MAX).trunc() - target * TARGET_MAX
    mse = difference.square().mean().clamp(min=1e-12)
    return float(20 * torch.log10(PEAK / mse.sqrt()))


def cosine(prediction: Tensor, target: Tensor) -> float:
    """Return the cosine similarity over all voxels, 0 where one volume is empty."""
    norms = prediction.norm() * target.norm()
    return float((prediction * target).sum() / norms.clamp(min=1e-12))
