"""Scores of the validation set, quick enough for every few epochs.

The course of a training: a table of epochs, and curves and pictures to watch.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from srnet.core.atomic import atomic_path
from srnet.core.errors import SrnetError
from srnet.dataset.tensors import Samples
from srnet.imaging.target import TARGET_MAX
from srnet.nets.reconstructor import Reconstructor

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


Row = Mapping[str, float]


def write_history(path: str | Path, rows: Sequence[Row]) -> None:
    """Write one line per epoch; a cell is empty where an epoch has no such value.

    Holds no times, so that it is the same for every run of one configuration.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with atomic_path(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"{value:.9g}" for key, value in row.items()} for row in rows)


class Watch:
    """TensorBoard curves of a training, and a picture of one case at each validation.

    Event files hold times and so are no product of the workflow. They lie in
    a folder of their own beside the model.
    """

    def __init__(self, folder: Path, first_epoch: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=first_epoch)

    def add(self, row: Row, scores: Validation | None) -> None:
        """Add one point to each curve, and a picture where the epoch was validated."""
        epoch = int(row["epoch"])
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, epoch)
        if scores is not None:
            picture = _side_by_side(scores.truth, scores.prediction)
            self._writer.add_image("mip", picture, epoch, dataformats="HW")
        self._writer.flush()

    def close(self) -> None:
        """Flush and close the event file."""
        self._writer.close()


def _side_by_side(truth: Tensor, prediction: Tensor) -> Tensor:
    """Return maximum intensity projections, both views of the truth above the prediction's."""
    tiles = [torch.cat([volume.amax(1), volume.amax(2)], dim=1) for volume in (truth, prediction)]
    return torch.cat(tiles).clamp(0, 1).cpu()
