"""A whole training: reproducible, resumable, and stopped where it makes no sense."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from srnet.core.atomic import is_partial
from srnet.core.digest import file_digest
from srnet.core.errors import SrnetError
from srnet.train.checkpoint import load_model, load_tensors
from srnet.train.train import resume_path, train
from srnet.train.trainer import Trainer

FULL = {
    "net": {"name": "x2ct", "views": 1},  # has dropout
    "accumulate": 2,
    "ema_decay": 0.5,
    "augment": {"gain": 0.1, "noise": 0.02},
    "loss": {"igdl": 0.1, "ffl": 0.1, "adversarial": 0.1},
}


def run_training(run, sets, folder):
    model, history = folder / "model.safetensors", folder / "history.csv"
    train_set, validation_set = sets
    train(run, train_set, validation_set, model, history)
    return model, history


def test_same_bytes_twice_and_other_bytes_with_another_seed(make_run, sets, tmp_path):
    first, second, other = (tmp_path / name for name in ("first", "second", "other"))
    whole = run_training(make_run(**FULL), sets, first)
    again = run_training(make_run(**FULL), sets, second)
    assert [path.read_bytes() for path in whole] == [path.read_bytes() for path in again]
    different, _ = run_training(make_run(seed=2, **FULL), sets, other)
    assert different.read_bytes() != whole[0].read_bytes()


def test_model_says_how_it_was_made_and_history_has_every_epoch(make_run, sets, tmp_path):
    run = make_run(**FULL)
    model, history = run_training(run, sets, tmp_path)
    card = load_model(model).card
    assert (card.net, card.train, card.size, card.code) == (run.net, run.settings, 32, "code")
    rows = list(csv.DictReader(history.open(encoding="utf-8")))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    terms = ("mse", "igdl", "ffl", "adversarial")
    assert float(rows[0]["loss"]) == pytest.approx(sum(float(rows[0][t]) for t in terms), rel=1e-4)
    assert not list(tmp_path.glob("resume.*"))


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("settings", [{}, FULL])
def test_a_run_broken_off_inside_an_epoch_ends_the_same(
    make_run, sets, tmp_path, monkeypatch, settings
):
    run = make_run(epochs=3, **settings)
    whole, _ = run_training(run, sets, tmp_path / "whole")
    taken, steps = Trainer.step, []

    def break_off(self, batches):
        steps.append(1)
        if len(steps) == 5:  # in the second epoch
            raise _KilledError
        return taken(self, batches)

    broken = tmp_path / "broken"
    monkeypatch.setattr(Trainer, "step", break_off)
    with pytest.raises(_KilledError):
        run_training(run, sets, broken)
    # What a kill in the middle of writing leaves, by this version and by earlier ones.
    (broken / ".0a1b2c3d.partial.model.safetensors").mkdir()
    (broken / ".tmpuu3QWu").touch()
    monkeypatch.undo()
    (resume,) = broken.glob("resume.*.safetensors")
    assert load_tensors(resume)[1]["epoch"] >= 1
    resumed, history = run_training(run, sets, broken)
    assert resumed.read_bytes() == whole.read_bytes()
    assert history.read_bytes() == (tmp_path / "whole" / "history.csv").read_bytes()
    assert not [path for path in broken.iterdir() if is_partial(path.name)]


def test_only_the_same_training_is_resumed(make_run, sets, tmp_path):
    def name(run, training=sets[0]):
        data = {"train": file_digest(training), "validation": file_digest(sets[1])}
        return resume_path(run, data, tmp_path)

    run = make_run()
    others = [
        make_run(learning_rate=1e-3),
        make_run(net={"physics": "mlem"}),
        make_run(seed=2),
        replace(run, code="other"),
    ]
    names = {name(run), name(run, sets[1]), *map(name, others)}
    assert len(names) == 6
    assert name(replace(run, threads=2)) == name(run)


@pytest.mark.slow
def test_kill_9_at_any_moment_ends_the_same(make_run, sets, tmp_path):
    run = make_run(epochs=4)
    whole, _ = run_training(run, sets, tmp_path / "whole")
    broken = tmp_path / "broken"
    files = [*map(str, sets), str(broken / "model.safetensors"), str(broken / "history.csv")]
    job = json.dumps({"run": run.plain(), "files": files})
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for enough in (1, 2, 3, None):
        process = subprocess.Popen(
            [sys.executable, "-m", "srnet.train.worker", job],
            env=environment,
            start_new_session=True,
        )
        while enough and process.poll() is None and _lines(broken / "history.csv") <= enough:
            time.sleep(0.01)
        if enough:
            time.sleep(0.07 * enough)
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert (broken / "model.safetensors").read_bytes() == whole.read_bytes()
    left = sorted(path.name for path in broken.iterdir())
    assert left == ["history.csv", "model.safetensors", "tensorboard"]


def _lines(path):
    return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0


def test_a_loss_that_is_not_finite_stops_and_names_the_last_good_state(
    make_run, sets, tmp_path, monkeypatch
):
    taken, steps = Trainer._generator_losses, []

    def break_down(self, batch):
        steps.append(1)
        prediction, terms = taken(self, batch)
        factor = float("nan") if len(steps) > 4 else 1.0
        return prediction, {name: factor * value for name, value in terms.items()}

    monkeypatch.setattr(Trainer, "_generator_losses", break_down)
    with pytest.raises(SrnetError, match=r"epoch 2: the loss term 'loss' is nan.*epoch 1, in the"):
        run_training(make_run(epochs=3), sets, tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


def test_exploding_weights_stop_the_training(make_run, sets, tmp_path):
    run = make_run(optimiser="sgd", learning_rate=1e30, epochs=3)
    with pytest.raises(
        SrnetError, match=r"(loss term '\w+' is|a weight of the) (nan|inf|network)"
    ):
        run_training(run, sets, tmp_path)


def test_a_lost_gradient_behind_a_finite_loss_spoils_no_state(
    make_run, sets, tmp_path, monkeypatch
):
    """The last step of the second epoch makes the weights NaN; the first epoch's are kept."""
    run, step, steps = make_run(epochs=3, batch_size=5, validate_every=3), Trainer.step, []

    def spoiled(self, batches):
        values = step(self, batches)
        steps.append(values)
        if len(steps) == 2:
            next(self.net.parameters()).data.fill_(torch.nan)
        return values

    monkeypatch.setattr(Trainer, "step", spoiled)
    with pytest.raises(SrnetError, match=r"epoch 2: a weight .* state: epoch 1, in the resume"):
        run_training(run, sets, tmp_path)
    (left,) = tmp_path.glob("resume.*.safetensors")
    assert all(bool(tensor.isfinite().all()) for tensor in load_file(left).values())
    assert len(steps) == 2
    monkeypatch.undo()
    run_training(run, sets, tmp_path)
    assert (tmp_path / "model.safetensors").exists()


def test_empty_predictions_stop_the_training_with_the_cure(make_run, sets, tmp_path):
    run = make_run(net={"output": "relu"}, learning_rate=1.0, epochs=2)
    with pytest.raises(SrnetError, match=r"empty volumes.*optimiser"):
        run_training(run, sets, tmp_path)


def test_sets_of_another_size_are_refused(make_run, sets, tmp_path):
    run = make_run()
    other = type(run)(**{**vars(run), "size": 64})
    with pytest.raises(SrnetError, match="32 voxels a side, but the run's size is 64"):
        run_training(other, sets, tmp_path)


def test_a_gpu_is_not_pretended(make_run, sets, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(SrnetError, match="PyTorch sees none"):
        run_training(make_run(device="gpu"), sets, tmp_path)
