"""Train one network, resumably and reproducibly.

A training that is killed at any moment goes on from its last finished epoch
and, on a CPU, ends with the same weights bit for bit: an epoch depends only on
the state in the resume file and on its own number. The weights kept are those
of the validation with the best PSNR over the volume, since the last epoch of
an adversarial training is not its best.
"""

import logging
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from tqdm import tqdm

from srnet.config.nets import Net
from srnet.config.train import TrainSettings
from srnet.errors import SrnetError
from srnet.provenance.digest import file_digest
from srnet.train.checkpoint import (
    ModelCard,
    load_tensors,
    named,
    resume_path,
    save_model,
    save_tensors,
    under,
)
from srnet.train.data import Samples, load_samples
from srnet.train.history import Watch, write_history
from srnet.train.trainer import Diverged, Trainer
from srnet.train.validate import Validation, raise_if_dead, validate

__all__ = ["TrainingRun", "train"]

log = logging.getLogger(__name__)

# The output falls towards the mean volume first, and may rise again.
_AWAKE_BY = 0.25
_PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed"}


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
        Seed of initial weights, order and dropout.
    threads
        CPU threads.
    code
        Digest of the code; other code does not resume this run's state.
    """

    net: Net
    settings: TrainSettings
    size: int
    seed: int
    threads: int
    code: str


@dataclass
class _Course:
    """Where a training stands: what a resume file holds beside the trainer's state."""

    epoch: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_psnr3d: float = float("-inf")
    best: dict[str, Tensor] = field(default_factory=dict)

    def about(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "best"}


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
        safetensors file to write; while training, a resume file lies beside it.
    history
        CSV to write, one line per epoch.

    Raises
    ------
    SrnetError
        If the loss is no longer finite or the output has died; the message
        names the last good state.
    """
    torch.set_num_threads(run.threads)
    torch.use_deterministic_algorithms(_on_cpu(run.settings), warn_only=True)
    fabric = _fabric(run.settings)
    data = {"train": file_digest(train_set), "validation": file_digest(validation_set)}
    resume = resume_path(model, {**_plain(run), "data": data})
    trainer = Trainer(run.net, run.settings, run.size, run.seed, fabric)
    course = _resumed(resume, trainer)
    sets = tuple(
        load_samples(path, run.settings.gamma).to(fabric.device)
        for path in (train_set, validation_set)
    )
    _raise_if_sizes_differ(run.size, sets[0], train_set)
    watch = Watch(resume.parent / "tensorboard" / resume.stem, course.epoch)
    try:
        _run_epochs(run, trainer, course, sets, _Files(resume, Path(history), watch))
    finally:
        watch.close()
    source = float(sets[0].views.source_mm[0])
    card = ModelCard(
        run.net, run.settings, run.size, run.seed, run.code, data, course.best_epoch, source
    )
    save_model(model, course.best, card)
    for finished in Path(model).parent.glob("resume.*.safetensors"):
        finished.unlink()


@dataclass(frozen=True)
class _Files:
    resume: Path
    history: Path
    watch: Watch


def _run_epochs(
    run: TrainingRun,
    trainer: Trainer,
    course: _Course,
    sets: tuple[Samples, ...],
    files: _Files,
) -> None:
    training, validation = sets
    steps = trainer.steps(len(training))
    with tqdm(
        total=run.settings.epochs * steps,
        initial=course.epoch * steps,
        desc=run.net.name,
        unit="step",
        mininterval=1 if sys.stderr.isatty() else 15,
    ) as bar:
        while course.epoch < run.settings.epochs:
            row = {"epoch": float(course.epoch + 1)} | _one_epoch(trainer, course, training, bar)
            if _is_validated(course.epoch, run.settings):
                scores = validate(trainer.net, validation)
                if course.epoch + 1 >= _AWAKE_BY * run.settings.epochs:
                    raise_if_dead(scores)
                row |= scores.scores()
                _keep_best(course, trainer, scores)
                files.watch.picture(course.epoch + 1, scores.truth, scores.prediction)
            course.epoch += 1
            course.rows.append(row)
            files.watch.scalars(row)
            write_history(files.history, course.rows)
            save_tensors(
                files.resume, trainer.tensors() | named("best", course.best), course.about()
            )
            log.info("epoch %d: %s", course.epoch, row)


def _one_epoch(
    trainer: Trainer, course: _Course, training: Samples, bar: "tqdm[Any]"
) -> dict[str, float]:
    means: Mapping[str, float] = {}
    try:
        for looked_at in trainer.epoch(course.epoch, training):
            means = looked_at or means
            bar.update()
            if looked_at:
                bar.set_postfix(loss=f"{means['loss']:.4g}", refresh=False)
    except Diverged as failure:
        state = (
            f"epoch {course.epoch} (in the resume file beside the model, validation PSNR3D "
            f"{course.best_psnr3d:.2f} dB at epoch {course.best_epoch})"
            if course.epoch
            else "none, no epoch was finished"
        )
        raise SrnetError(
            f"training stopped in epoch {course.epoch + 1}: {failure}. Last good state: {state}; "
            f"lower train.learning_rate, or set train.precision to float32"
        ) from None
    return dict(means)


def _is_validated(epoch: int, settings: TrainSettings) -> bool:
    return (epoch + 1) % settings.validate_every == 0 or epoch + 1 == settings.epochs


def _keep_best(course: _Course, trainer: Trainer, scores: Validation) -> None:
    if scores.psnr3d > course.best_psnr3d:
        course.best_psnr3d, course.best_epoch = scores.psnr3d, course.epoch + 1
        course.best = {
            name: tensor.detach().cpu().clone()
            for name, tensor in trainer.net.state_dict().items()
        }


def _resumed(resume: Path, trainer: Trainer) -> _Course:
    if not resume.exists():
        return _Course()
    tensors, about = load_tensors(resume)
    trainer.restore(tensors)
    log.info("resumed after epoch %d", about["epoch"])
    return _Course(**about, best=under("best", tensors))


def _plain(run: TrainingRun) -> dict[str, Any]:
    plain = {**asdict(run), "net": run.net.plain(), "settings": run.settings.plain()}
    del plain["threads"]
    return plain


def _on_cpu(settings: TrainSettings) -> bool:
    return settings.device == "cpu" or not torch.cuda.is_available()


def _fabric(settings: TrainSettings) -> Fabric:
    accelerator = "cpu" if _on_cpu(settings) else "gpu"
    if settings.device == "gpu" and accelerator == "cpu":
        raise SrnetError("train.device is gpu, but PyTorch sees none; set it to auto or cpu")
    precision: Any = _PRECISIONS[settings.precision]
    return Fabric(accelerator=accelerator, devices=1, precision=precision)


def _raise_if_sizes_differ(size: int, training: Samples, path: str | Path) -> None:
    if training.ct.shape[-1] != size:
        raise SrnetError(
            f"{path}: volumes of {training.ct.shape[-1]} voxels a side, but the run's size is "
            f"{size}; pack the data set again"
        )
