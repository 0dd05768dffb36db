"""The course of a training: a table of epochs, and curves and pictures to watch."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from srnet.atomic import atomic_path

__all__ = ["Watch", "write_history"]

Row = Mapping[str, float]


def write_history(path: str | Path, rows: Sequence[Row]) -> None:
    """Write one line per epoch; a cell is empty where an epoch has no such value.

    Holds no times, so that it is the same for every run of one configuration.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with atomic_path(path) as partial, partial.open("w", newline="") as file:
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

    def scalars(self, row: Row) -> None:
        """Add one point to each curve."""
        epoch = int(row["epoch"])
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, epoch)

    def picture(self, epoch: int, truth: Tensor, prediction: Tensor) -> None:
        """Add maximum intensity projections of truth (top) and prediction, (S, S, S) each."""
        tiles = [
            torch.cat([volume.amax(1), volume.amax(2)], dim=1) for volume in (truth, prediction)
        ]
        image = torch.cat(tiles).clamp(0, 1).cpu()
        self._writer.add_image("mip", image, epoch, dataformats="HW")

    def close(self) -> None:
        """Flush and close the event file."""
        self._writer.close()
