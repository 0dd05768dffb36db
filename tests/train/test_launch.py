"""Several processes train what one trains with a larger batch."""

import csv

import pytest

from srnet.config.train import TrainSettings
from srnet.core.errors import SrnetError
from srnet.train.launch import launch
from srnet.train.train import train


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{"learning_rate": 0.1}, {"learning_rate": 1e-3, "loss": {"adversarial": 0.1, "igdl": 0.1}}],
    ids=["mse", "gan"],
)
def test_two_processes_are_one_with_twice_the_batch(make_run, sets, tmp_path, changes):
    losses = {}
    for processes, batch_size in ((1, 2), (2, 1)):
        folder = tmp_path / str(processes)
        # Plain SGD: Adam divides gradients, rounding errors of small ones included.
        run = make_run(processes=processes, batch_size=batch_size, optimiser="sgd", **changes)
        train_set, validation_set = sets
        train(run, train_set, validation_set, folder / "model.safetensors", folder / "history.csv")
        rows = list(csv.DictReader((folder / "history.csv").open(encoding="utf-8")))
        losses[processes] = [
            [float(row[key]) for key in ("loss", "validation_psnr3d")] for row in rows
        ]
    for one, two in zip(losses[1], losses[2], strict=True):
        assert two == pytest.approx(one, rel=1e-4)


def test_a_failure_of_a_process_is_told():
    with pytest.raises(SrnetError, match="1 x 1 processes failed with status"):
        launch(TrainSettings(), 1, {"run": {"net": {"name": "nonsense"}}, "files": []})


def test_several_nodes_need_slurm(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(SrnetError, match="nodes is 2, and several nodes need a SLURM job"):
        launch(TrainSettings(nodes=2), 1, {})
