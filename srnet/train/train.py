"""Train one network, resumably and reproducibly.

A training that is killed at any moment goes on from its last finished epoch
and, on a CPU, ends with the same weights bit for bit: an epoch depends only on
the state in the resume file and on its own number. The weights kept are those
of the validation with the best PSNR over the volume, since the last epoch of
an adversarial training is not its best; `keep: last` takes the last.

Where a training stands: what a resume file holds beside the trainer's state.
"""

import logging
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor
from tqdm import tqdm

from srnet.config.nets import Net
from srnet.config.train import TrainSettings
from srnet.core.digest import file_digest
from srnet.core.errors import SrnetError
from srnet.dataset.tensors import Samples, load_samples
from srnet.train.checkpoint import (
    ModelCard,
    load_tensors,
    named,
    resume_path,
    save_model,
    save_tensors,
    under,
)
from srnet.train.launch import build_fabric, is_launched, launch, uses_gpu
from srnet.train.trainer import Diverged, Trainer
from srnet.train.validate import Validation, Watch, raise_if_dead, validate, write_history

log = logging.getLogger(__name__)


@dataclass
class TrainState:
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
    def resumed(cls, path: Path, trainer: Trainer) -> "TrainState":
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


# The output falls towards the mean volume first, and may rise again.
_AWAKE_BY = 0.25


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


@dataclass(frozen=True)
class Paths:
    """Files that a training reads and writes."""

    train_set: Path
    validation_set: Path
    model: Path
    history: Path

    def digests(self) -> dict[str, str]:
        """Return the digests of the data sets."""
        return {
            "train": file_digest(self.train_set),
            "validation": file_digest(self.validation_set),
        }


class _Sets(NamedTuple):
    training: Samples
    validation: Samples


def train(
    run: TrainingRun,
    train_set: str | Path,
    validation_set: str | Path,
    model: str | Path,
    history: str | Path,
) -> None:
    """Train a network and write its model file and history.

    Parameters
    ----------
    run
        What is trained.
    train_set, validation_set
        Packed data sets.
    model
        safetensors file to write; while training, a resume file lies beside
        it, and TensorBoard's event files stay there.
    history
        CSV to write, one line per epoch.

    Raises
    ------
    SrnetError
        If a loss is no longer finite or the output has died; the message
        names the last good state.
    """
    paths = Paths(*map(Path, (train_set, validation_set, model, history)))
    if run.settings.nodes * run.settings.processes > 1 and not is_launched():
        plain = {key: str(path.resolve()) for key, path in asdict(paths).items()}
        launch(run.settings, run.threads, {"run": run.plain(), "paths": plain})
    else:
        train_here(run, paths)


def resume_file(run: TrainingRun, paths: Paths) -> Path:
    """Return where a training keeps its state while it goes on.

    The name depends on all that decides the result. The number of threads
    moves the last bits only, so that it may change on the way.
    """
    subject = {key: value for key, value in run.plain().items() if key != "threads"}
    return resume_path(paths.model, {**subject, "data": paths.digests()})


def train_here(run: TrainingRun, paths: Paths) -> None:
    """Train in this process, beside its siblings where there are several."""
    torch.set_num_threads(max(1, run.threads // run.settings.processes))
    torch.use_deterministic_algorithms(not uses_gpu(run.settings), warn_only=True)
    # All steps have the same shapes: worth a trial of cuDNN's algorithms.
    torch.backends.cudnn.benchmark = uses_gpu(run.settings)
    fabric = build_fabric(run.settings)
    resume = resume_file(run, paths)
    trainer = Trainer(run.net, run.settings, run.size, run.seed, fabric)
    course = TrainState.resumed(resume, trainer)
    sets = _load(run, paths, fabric)
    fabric.barrier()
    _Loop(run, trainer, course, sets, paths.history, resume, fabric).finish()
    fabric.barrier()
    if fabric.is_global_zero:
        source = float(sets.training.views.source_mm[0])
        card = ModelCard(
            net=run.net,
            train=run.settings,
            size=run.size,
            seed=run.seed,
            code=run.code,
            data=paths.digests(),
            epoch=course.kept_epoch,
            source_to_isocentre_mm=source,
        )
        save_model(paths.model, course.kept, card)
        _tidy(paths.model.parent)


@dataclass(frozen=True)
class _Loop:
    """The epochs of one training, from where its course stands."""

    run: TrainingRun
    trainer: Trainer
    course: TrainState
    sets: _Sets
    history: Path
    resume: Path
    fabric: Fabric

    def finish(self) -> None:
        """Run the remaining epochs."""
        steps = self.trainer.steps(len(self.sets.training))
        folder = self.resume.parent / "tensorboard" / self.resume.stem
        watch = Watch(folder, self.course.epoch) if self.fabric.is_global_zero else None
        bar = tqdm(
            total=self.run.settings.epochs * steps,
            initial=self.course.epoch * steps,
            desc=self.run.net.name,
            unit="step",
            mininterval=1 if sys.stderr.isatty() else 15,
            disable=not self.fabric.is_global_zero,
        )
        with bar:
            while self.course.epoch < self.run.settings.epochs:
                self._epoch(bar, watch)
        if watch is not None:
            watch.close()

    def _epoch(self, bar: "tqdm[Any]", watch: Watch | None) -> None:
        row = {"epoch": float(self.course.epoch + 1), **self._train(bar)}
        scores = self._validate()
        self.course.finish_epoch(row | (scores.scores() if scores else {}))
        if watch is not None:
            write_history(self.history, self.course.rows)
            self.course.save(self.resume, self.trainer)
            watch.add(self.course.rows[-1], scores)
        self.fabric.barrier()

    def _train(self, bar: "tqdm[Any]") -> dict[str, float]:
        means: Mapping[str, float] = {}
        try:
            for looked_at in self.trainer.epoch(self.course.epoch, self.sets.training):
                means = looked_at or means
                bar.update()
                if looked_at:
                    bar.set_postfix(loss=f"{means['loss']:.4g}", refresh=False)
        except Diverged as failure:
            raise SrnetError(
                f"training stopped in epoch {self.course.epoch + 1}: {failure}. Last good state: "
                f"{self.course.last_good_state()}. Lower train.learning_rate "
                f"({self.run.settings.learning_rate:g}), or set train.precision to float32; a "
                "changed setting starts the training anew"
            ) from None
        return dict(means)

    def _validate(self) -> Validation | None:
        epoch, settings = self.course.epoch + 1, self.run.settings
        if epoch % settings.validate_every and epoch != settings.epochs:
            return None
        scores = validate(self.trainer.net, self.sets.validation, self.fabric.device)
        if epoch >= _AWAKE_BY * settings.epochs:
            raise_if_dead(scores)
        self.course.keep(self.trainer, scores, always=settings.keep == "last")
        return scores


def _tidy(folder: Path) -> None:
    """Remove resume files, and what a killed process left half written."""
    for pattern in ("resume.*.safetensors", ".*.partial.*"):
        for left in folder.glob(pattern):
            left.unlink()


def _load(run: TrainingRun, paths: Paths, fabric: Fabric) -> _Sets:
    """Read both sets, onto the device where they fit."""
    loaded = []
    for path in (paths.train_set, paths.validation_set):
        samples = load_samples(path, run.settings.gamma)
        if samples.ct.shape[-1] != run.size:
            raise SrnetError(
                f"{path}: volumes of {samples.ct.shape[-1]} voxels a side, but the run's size is "
                f"{run.size}; pack the data set again"
            )
        loaded.append(samples.to_where_it_fits(fabric.device))
    return _Sets(*loaded)
