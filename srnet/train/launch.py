"""Devices, precision and processes of a training.

One process trains in the calling program. Several are started as programs of
their own by PyTorch's launcher, since a workflow's script cannot be imported
again by its children.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment

from srnet.config.train import TrainSettings
from srnet.errors import SrnetError

__all__ = ["build_fabric", "is_launched", "launch", "uses_gpu"]

_PRECISIONS: dict[str, Any] = {"float32": "32-true", "bfloat16": "bf16-mixed"}
_WORKER = "srnet.train.worker"


def uses_gpu(settings: TrainSettings) -> bool:
    """Return whether the training runs on GPUs.

    Raises
    ------
    SrnetError
        If the settings demand a GPU where there is none.
    """
    available = torch.cuda.is_available()
    if settings.device == "gpu" and not available:
        raise SrnetError("train.device is 'gpu', but PyTorch sees none; set it to auto or cpu")
    return available and settings.device != "cpu"


def build_fabric(settings: TrainSettings) -> Fabric:
    """Return the Fabric of this process, joined with its siblings."""
    fabric = Fabric(
        accelerator="gpu" if uses_gpu(settings) else "cpu",
        devices=int(os.environ.get("LOCAL_WORLD_SIZE", "1")),
        num_nodes=int(os.environ.get("GROUP_WORLD_SIZE", "1")),
        strategy="ddp" if settings.processes > 1 else "auto",
        precision=_PRECISIONS[settings.precision],
        # Inside a cluster's job, but not started by its launcher: look no further.
        plugins=None if is_launched() else LightningEnvironment(),
    )
    fabric.launch()
    return fabric


def is_launched() -> bool:
    """Return whether this process is one of several that PyTorch's launcher started."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def launch(processes: int, job: dict[str, Any]) -> None:
    """Run a training in several processes on this machine and wait for them.

    Parameters
    ----------
    processes
        How many.
    job
        What `srnet.train.worker` reads, plain JSON types.

    Raises
    ------
    SrnetError
        If a process fails; what it said stands above.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "job.json"
        file.write_text(json.dumps(job), encoding="utf-8")
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        several = [f"--nproc-per-node={processes}", "-m", _WORKER, str(file)]
        done = subprocess.run([*launcher, *several], check=False)  # noqa: S603 - our own program
    if done.returncode:
        raise SrnetError(
            f"training in {processes} processes failed with status {done.returncode}; "
            "the reason stands above. One process (train.processes: 1) is the simplest check"
        )
