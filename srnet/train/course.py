"""Where a training stands: what a resume file holds beside the trainer's state."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from srnet.train.checkpoint import load_tensors, named, save_tensors, under
from srnet.train.trainer import Trainer
from srnet.train.validate import Validation

__all__ = ["Course"]

log = logging.getLogger(__name__)


@dataclass
class Course:
    """Finished epochs, and the weights that will be kept.

    Attributes
    ----------
    epoch
        Finished epochs.
    rows
        One row of the history per finished epoch.
    kept_epoch, kept_psnr3d
        Epoch after which the kept weights were taken, and their validation in dB.
    kept
        The kept weights.
    """

    epoch: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    kept_epoch: int = 0
    kept_psnr3d: float = float("-inf")
    kept: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def resumed(cls, path: Path, trainer: Trainer) -> "Course":
        """Return the course in the resume file and put its state into `trainer`.

        Without a file the course stands at its beginning.
        """
        if not path.exists():
            return cls()
        tensors, about = load_tensors(path)
        trainer.restore(tensors)
        log.info("resumed after epoch %d from %s", about["epoch"], path.name)
        return cls(**about, kept=under("kept", tensors))

    def keep(self, trainer: Trainer, scores: Validation, always: bool) -> None:
        """Keep the present weights if they are the best, or `always`."""
        if always or scores.psnr3d > self.kept_psnr3d:
            self.kept_psnr3d, self.kept_epoch = scores.psnr3d, self.epoch + 1
            weights = trainer.net.state_dict()
            self.kept = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}

    def finish_epoch(self, row: dict[str, float]) -> None:
        """Count one more epoch."""
        self.epoch += 1
        self.rows.append(row)
        log.info("epoch %d: %s", self.epoch, row)

    def save(self, path: Path, trainer: Trainer) -> None:
        """Write the resume file."""
        about: dict[str, Any] = {key: value for key, value in vars(self).items() if key != "kept"}
        save_tensors(path, trainer.tensors() | named("kept", self.kept), about)

    def last_good_state(self) -> str:
        """Say which state a stopped training could go on from."""
        if not self.epoch:
            return "none, since no epoch was finished"
        return (
            f"epoch {self.epoch}, in the resume file beside the model; best validation "
            f"{self.kept_psnr3d:.2f} dB at epoch {self.kept_epoch}"
        )
