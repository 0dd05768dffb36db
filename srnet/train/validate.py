"""Scores of the validation set, quick enough for every few epochs."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from srnet.errors import SrnetError
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
    truth, prediction
        (S, S, S) network values of the first case.
    """

    psnr3d: float
    cosine: float
    max_prediction: float
    truth: Tensor
    prediction: Tensor

    def scores(self) -> dict[str, float]:
        """Return the scores by the names that the history gives them."""
        names = ("psnr3d", "cosine", "max_prediction")
        return {f"validation_{name}": getattr(self, name) for name in names}


@torch.no_grad()
def validate(net: nn.Module, samples: Samples, device: torch.device) -> Validation:
    """Score `net` in evaluation mode, case by case."""
    net.eval()
    psnr, similarity, largest = 0.0, 0.0, 0.0
    first: tuple[Tensor, Tensor] | None = None
    for each in samples.batches(torch.arange(len(samples)), size=1):
        batch = each.to(device)
        prediction = net(batch.views).float()
        largest = max(largest, prediction.max().item())
        prediction = prediction.clamp(0, 1)
        psnr += psnr3d(prediction, batch.target)
        similarity += cosine(prediction, batch.target)
        first = first or (batch.target[0, 0], prediction[0, 0])
    if first is None:
        raise SrnetError("the validation set is empty; raise split.validation_fraction")
    net.train()
    return Validation(psnr / len(samples), similarity / len(samples), largest, *first)


def raise_if_dead(validation: Validation) -> None:
    """Stop a training whose output is all but zero.

    Less than one voxel in a hundred is bone, so that an empty volume is a
    strong attractor; behind a ReLU there is no way back from it. PSNR and MAE
    do not show it, since empty volumes score well.

    Raises
    ------
    SrnetError
        If no voxel of the validation set is predicted above 0.01.
    """
    if validation.max_prediction < _DEAD:
        raise SrnetError(
            f"the network predicts empty volumes: its largest value over the validation set is "
            f"{validation.max_prediction:.3g}. Its output has died; set train.optimiser to adam, "
            f"lower train.learning_rate (2e-3 holds) and keep train.loss.projection above 0"
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
