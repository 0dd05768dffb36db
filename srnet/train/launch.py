"""Devices, precision and processes of a training.

One process trains in the calling program. Several are started as programs of
their own by PyTorch's launcher, since a workflow's script cannot be imported
again by its children.
"""

import json
import os
import socket
import subprocess
import sys
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment

from srnet.config.train import TrainSettings
from srnet.core.errors import SrnetError

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
        strategy="ddp" if is_launched() else "auto",
        precision=_PRECISIONS[settings.precision],
        # Inside a cluster's job, but not started by its launcher: look no further.
        plugins=None if is_launched() else LightningEnvironment(),
    )
    fabric.launch()
    return fabric


def is_launched() -> bool:
    """Return whether this process is one of several that PyTorch's launcher started."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def launch(settings: TrainSettings, threads: int, job: dict[str, Any]) -> None:
    """Run a training in several processes and wait for them.

    Parameters
    ----------
    settings
        Say how many processes, on how many nodes of the SLURM job that this one is part of.
    threads
        CPU threads that the training has on each node.
    job
        What `srnet.train.worker` reads, plain JSON types.

    Raises
    ------
    SrnetError
        If a process fails, in which case what it said stands above, or nodes are asked for
        outside of SLURM.
    """
    several = [f"--nproc-per-node={settings.processes}", "-m", _WORKER, json.dumps(job)]
    command = [sys.executable, "-m", "torch.distributed.run"]
    if settings.nodes > 1:
        command = [*_srun(settings.nodes, threads), *command, *_meeting(settings.nodes)]
    else:
        command = [*command, "--standalone"]
    done = subprocess.run([*command, *several], check=False, env=_environment())  # noqa: S603
    if done.returncode:
        raise SrnetError(
            f"training in {settings.nodes} x {settings.processes} processes failed with status "
            f"{done.returncode}; the reason stands above. One process (train.nodes: 1, "
            "train.processes: 1) is the simplest check"
        )


def _srun(nodes: int, threads: int) -> list[str]:
    """Return what runs a program once on each node of this SLURM job."""
    if "SLURM_JOB_ID" not in os.environ:
        raise SrnetError(
            f"train.nodes is {nodes}, and several nodes need a SLURM job that has as many: "
            f"`train: {{nodes: {nodes}}}` among the profile's set-resources (docs/cluster.md)"
        )
    # The step that runs this program holds what the job was given: the new one shares it.
    step = [f"--jobid={os.environ['SLURM_JOB_ID']}", "--overlap", "--kill-on-bad-exit"]
    tasks = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
    return ["srun", *step, *tasks, f"--cpus-per-task={threads}"]


def _environment() -> dict[str, str]:
    """Return this one without what SLURM says of this step: srun would take it for the job's."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SLURM_") or name == "SLURM_CONF"
    }


def _meeting(nodes: int) -> list[str]:
    """Return where the launchers of all nodes meet: on this node, at a free port."""
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    where = f"--rdzv-endpoint={socket.gethostname()}:{port}"
    return [f"--nnodes={nodes}", "--rdzv-backend=c10d", where, f"--rdzv-id=srnet{port}"]
