"""Validation during a training: its scores, the history table, and TensorBoard curves."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from srnet.core.atomic import atomic_path
from srnet.core.errors import SrnetError
from srnet.dataset.tensors import Samples
from srnet.evaluate.similarity import cosine, psnr3d
from srnet.nets.reconstructor import Reconstructor

Row = Mapping[str, float]
_LEAST_CONTRAST = 0.01


@dataclass(frozen=True)
class Validation:
    """Scores of the validation set, and its first scan.

    Attributes
    ----------
    psnr3d, cosine
        Means over the scans of `srnet.evaluate.similarity.psnr3d`, in dB, and `cosine`.
    max_prediction
        Largest network value that was predicted anywhere.
    contrast
        Largest difference between two voxels of one volume before any physics.
    target, prediction
        (S, S, S) network values of the first scan, the prediction clipped to [0, 1].
    """

    psnr3d: float
    cosine: float
    max_prediction: float
    contrast: float
    target: NDArray[np.float32]
    prediction: NDArray[np.float32]

    def scores(self) -> dict[str, float]:
        """Return the scores under their names in the history."""
        names = ("psnr3d", "cosine", "max_prediction")
        return {f"validation_{name}": getattr(self, name) for name in names}


@torch.no_grad()
def validate(net: Reconstructor, samples: Samples, device: torch.device) -> Validation:
    """Score `net` in evaluation mode, scan by scan."""
    if not len(samples):
        raise SrnetError("the validation set is empty; raise split.validation_fraction")
    net.eval()
    scores, largest, contrast = [], 0.0, 0.0
    pairs: list[list[NDArray[np.float32]]] = []
    for batch in samples.batches(torch.arange(len(samples)), size=1):
        views = batch.views.to(device)
        plain = net.before_physics(views)
        prediction = net.apply_physics(plain, views).float()
        contrast = max(contrast, (plain.max() - plain.min()).item())
        largest = max(largest, prediction.max().item())
        pair = [each[0, 0].cpu().numpy() for each in (batch.target, prediction.clamp(0, 1))]
        scores.append((psnr3d(*pair), cosine(*pair)))
        pairs = pairs or [pair]
    net.train()
    psnr, similarity = np.mean(scores, axis=0).tolist()
    target, shown = pairs[0]
    return Validation(psnr, similarity, largest, contrast, target, shown)


def raise_if_empty(validation: Validation) -> None:
    """Stop a training whose output is the same everywhere, which nearly always means zero.

    Less than one voxel in a hundred is bone, so that an empty volume is a strong attractor,
    and a ReLU with negative inputs only has no gradient. PSNR and MAE of empty volumes are
    good, and with physics no score shows them, since it adds a back-projection.

    Raises
    ------
    SrnetError
        If no volume of the validation set has a contrast of 0.01.
    """
    if validation.contrast < _LEAST_CONTRAST:
        raise SrnetError(
            f"the network predicts empty volumes: over the validation set no two of its values "
            f"differ by more than {validation.contrast:.3g}, and training will not change that; "
            f"set train.optimiser to adam, lower train.learning_rate (2e-3 is safe) and keep "
            f"train.loss.projection above 0"
        )


def write_history(path: str | Path, rows: Sequence[Row]) -> None:
    """Write one line per epoch; a cell is empty where an epoch has no such value.

    The table has no times, so that it is the same for every run of one configuration.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with atomic_path(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"{value:.9g}" for key, value in row.items()} for row in rows)


class LearningCurves:
    """TensorBoard curves of a training, and a picture of one scan at each validation.

    Event files contain times and are therefore no output of the workflow. They lie in a
    folder of their own beside the model.
    """

    def __init__(self, folder: Path, first_epoch: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=first_epoch)

    def add(self, row: Row, validation: Validation | None) -> None:
        """Add one point to each curve, and a picture where the epoch was validated."""
        epoch = int(row["epoch"])
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, epoch)
        if validation is not None:
            # Maximum intensity projections of both views, the target's above the prediction's.
            volumes = (validation.target, validation.prediction)
            mip = np.vstack([np.hstack([each.max(1), each.max(2)]) for each in volumes])
            self._writer.add_image("mip", mip.clip(0, 1), epoch, dataformats="HW")
        self._writer.flush()

    def close(self) -> None:
        """Flush and close the event file."""
        self._writer.close()
