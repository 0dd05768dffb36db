"""Train one network, resumably and reproducibly.

A training that is killed at any moment goes on after its last finished epoch and, on a
CPU, ends with the same weights bit for bit: an epoch depends only on the state in the
resume file and on its own number. The kept weights are those with the best PSNR over the
volume in validation, since the last epoch of an adversarial training is seldom its best;
`keep: last` takes the last.
"""

import hashlib
import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from srnet.config.nets import Net, parse_net
from srnet.config.train import TrainSettings
from srnet.core.atomic import remove_partials
from srnet.core.digest import file_digest
from srnet.core.errors import SrnetError
from srnet.core.rejection import is_shortage
from srnet.dataset.tensors import Samples, load_samples
from srnet.train.checkpoint import (
    ModelCard,
    add_prefix,
    load_tensors,
    save_model,
    save_tensors,
    strip_prefix,
)
from srnet.train.launch import build_fabric, is_launched, launch, uses_gpu
from srnet.train.trainer import Diverged, Trainer
from srnet.train.validate import LearningCurves, raise_if_empty, validate, write_history

log = logging.getLogger(__name__)

# The output falls towards the mean volume at first and may rise again later.
_EMPTY_ALLOWED = 0.25
"""Share of the epochs in which the network may still predict empty volumes."""


@dataclass(frozen=True)
class TrainingRun:
    """What is trained.

    Attributes
    ----------
    net, settings
        Resolved settings of the network and of its training.
    size
        Edge of volumes and x-rays in voxels.
    seed
        Seed of initial weights, order, dropout and augmentation.
    threads
        CPU threads on a node, shared by its processes. The last bits of a result depend
        on their number.
    code
        Digest of the code; other code does not resume this run's state.
    """

    net: Net
    settings: TrainSettings
    size: int
    seed: int
    threads: int
    code: str

    def plain(self) -> dict[str, Any]:
        """Return the run as plain JSON types."""
        return {**vars(self), "net": self.net.plain(), "settings": self.settings.plain()}

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> "TrainingRun":
        """Return the run that `plain` returned as plain types."""
        net, settings = parse_net(values["net"]), TrainSettings.parse(values["settings"])
        return cls(**{**values, "net": net, "settings": settings})


@dataclass
class TrainState:
    """Finished epochs and kept weights: the resume file holds these and the trainer's state.

    Attributes
    ----------
    epoch
        Number of finished epochs.
    rows
        One row of the history per finished epoch.
    kept_epoch, kept_psnr3d
        Epoch after which the kept weights were taken, and their PSNR3D in validation, in dB.
    kept
        The kept weights.
    """

    epoch: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    kept_epoch: int = 0
    kept_psnr3d: float = float("-inf")
    kept: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def resume(cls, path: Path, trainer: Trainer) -> "TrainState":
        """Read a resume file, also into `trainer`; without one, return the initial state."""
        if not path.exists():
            return cls()
        try:
            tensors, about = load_tensors(path)
            state = cls(**about, kept=strip_prefix("kept", tensors))
            trainer.restore(tensors)
        except Exception as failure:  # Damaged states raise many kinds of errors.
            if is_shortage(failure):
                raise
            reason = " ".join(str(failure).split())[:300]
            raise SrnetError(
                f"{path}: cannot be resumed ({reason}); remove it to train from the start"
            ) from None
        log.info("resumed after epoch %d from %s", state.epoch, path.name)
        return state

    def save(self, path: Path, trainer: Trainer) -> None:
        """Write the resume file."""
        about: dict[str, Any] = {key: value for key, value in vars(self).items() if key != "kept"}
        save_tensors(path, trainer.tensors() | add_prefix("kept", self.kept), about)

    def keep(self, net: nn.Module, epoch: int, psnr3d: float) -> None:
        """Keep the weights that `net` has after `epoch`."""
        self.kept_epoch, self.kept_psnr3d = epoch, psnr3d
        self.kept = {name: each.detach().cpu().clone() for name, each in net.state_dict().items()}

    def describe(self) -> str:
        """Say which state a stopped training could go on from."""
        if not self.epoch:
            return "none, since no epoch was finished"
        return (
            f"epoch {self.epoch}, in the resume file beside the model; best validation "
            f"{self.kept_psnr3d:.2f} dB at epoch {self.kept_epoch}"
        )


def train(
    run: TrainingRun,
    train_set: str | Path,
    validation_set: str | Path,
    model: str | Path,
    history: str | Path,
) -> None:
    """Train a network, in several processes if asked, and write its model file and history.

    Parameters
    ----------
    run
        What is trained.
    train_set, validation_set
        Packed data sets.
    model
        safetensors file to write; during training a resume file lies beside it, and
        TensorBoard's event files stay there.
    history
        CSV to write, one line per epoch.

    Raises
    ------
    SrnetError
        If a loss or weight is no longer finite, or the network predicts empty volumes; the
        message names the last good state.
    """
    train_set, validation_set, model = Path(train_set), Path(validation_set), Path(model)
    settings = run.settings
    if not is_launched() and model.parent.is_dir():
        # A job that was killed has left them, and no other job writes into this folder.
        remove_partials(model.parent.iterdir())
    if settings.nodes * settings.processes > 1 and not is_launched():
        files = (train_set, validation_set, model, Path(history))
        job = {"run": run.plain(), "files": [str(path.resolve()) for path in files]}
        launch(settings, run.threads, job)
        return
    gpu = uses_gpu(settings)
    torch.set_num_threads(max(1, run.threads // settings.processes))
    torch.use_deterministic_algorithms(not gpu, warn_only=True)
    torch.backends.cudnn.benchmark = gpu  # All steps have the same shapes.
    fabric = build_fabric(settings)
    trainer = Trainer(run.net, settings, run.size, run.seed, fabric)
    data = {"train": file_digest(train_set), "validation": file_digest(validation_set)}
    resume = resume_path(run, data, model.parent)
    state = TrainState.resume(resume, trainer)
    training = _load(train_set, run, fabric.device)
    validation = _load(validation_set, run, fabric.device)
    fabric.barrier()

    curves, steps = None, trainer.steps(len(training))
    if fabric.is_global_zero:
        curves = LearningCurves(model.parent / "tensorboard" / resume.stem, state.epoch)
    with tqdm(
        total=settings.epochs * steps,
        initial=state.epoch * steps,
        desc=run.net.name,
        unit="step",
        mininterval=1 if sys.stderr.isatty() else 15,
        disable=curves is None,
    ) as bar:
        for epoch in range(state.epoch + 1, settings.epochs + 1):
            row = {"epoch": float(epoch), **_train_epoch(trainer, training, state, bar)}
            validated = None
            if epoch % settings.validate_every == 0 or epoch == settings.epochs:
                validated = validate(trainer.net, validation, fabric.device)
                if epoch >= _EMPTY_ALLOWED * settings.epochs:
                    raise_if_empty(validated)
                if settings.keep == "last" or validated.psnr3d > state.kept_psnr3d:
                    state.keep(trainer.net, epoch, validated.psnr3d)
                row |= validated.scores()
            state.epoch = epoch
            state.rows.append(row)
            log.info("epoch %d: %s", epoch, row)
            if curves is not None:
                write_history(history, state.rows)
                state.save(resume, trainer)
                curves.add(row, validated)
            fabric.barrier()

    fabric.barrier()
    if curves is not None:
        curves.close()
        card = ModelCard(
            net=run.net,
            train=settings,
            size=run.size,
            seed=run.seed,
            code=run.code,
            data=data,
            epoch=state.kept_epoch,
            source_to_isocentre_mm=float(training.views.source_mm[0]),
        )
        save_model(model, state.kept, card)
        for left in model.parent.glob("resume.*.safetensors"):
            left.unlink()


def resume_path(run: TrainingRun, data: Mapping[str, str], folder: Path) -> Path:
    """Return the resume file of a training in the folder of its model.

    The name depends on all that decides the result, so that another configuration, code
    or data set (`data`: digests) never resumes this state. The number of threads changes
    only the last bits of a result and may differ.
    """
    subject = {key: value for key, value in run.plain().items() if key != "threads"}
    text = json.dumps({**subject, "data": data}, sort_keys=True)
    return folder / f"resume.{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"


def _load(path: Path, run: TrainingRun, device: torch.device) -> Samples:
    """Read a data set, onto the device if it fits."""
    samples = load_samples(path, run.settings.gamma)
    edge = samples.ct.shape[-1]
    if edge != run.size:
        raise SrnetError(
            f"{path}: volumes of {edge} voxels a side, but the run's size is {run.size}; "
            "pack the data set again"
        )
    return samples.to_where_it_fits(device)


def _train_epoch(
    trainer: Trainer, samples: Samples, state: TrainState, bar: "tqdm[Any]"
) -> Mapping[str, float]:
    """Train the next epoch and return the mean of every loss term."""
    means: Mapping[str, float] = {}
    try:
        for latest in trainer.epoch(state.epoch, samples):
            bar.update()
            if latest:
                means = latest
                bar.set_postfix(loss=f"{means['loss']:.4g}", refresh=False)
    except Diverged as failure:
        raise SrnetError(
            f"training stopped in epoch {state.epoch + 1}: {failure}. Last good state: "
            f"{state.describe()}. Lower train.learning_rate "
            f"({trainer.settings.learning_rate:g}), or set train.precision to float32; a "
            "changed setting starts the training anew"
        ) from None
    return means
