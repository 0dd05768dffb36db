"""The course of a training: a table of epochs, and curves and pictures to watch."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from srnet.atomic import atomic_path
from srnet.train.validate import Validation

__all__ = ["Watch", "write_history"]

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
