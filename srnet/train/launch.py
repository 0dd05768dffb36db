"""Devices, precision and processes of a training.

A single process is the calling program itself. Several are started by PyTorch's launcher
as programs of their own, since child processes cannot import a workflow script again.
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
        # Without this, Fabric would expect the other processes of a cluster's job.
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
        How many processes, on how many nodes of the present SLURM job.
    threads
        CPU threads of the training on each node.
    job
        What `srnet.train.worker` reads, plain JSON types.

    Raises
    ------
    SrnetError
        If a process fails, whose own message is printed before, or if several nodes are
        asked for outside of SLURM.
    """
    command = [sys.executable, "-m", "torch.distributed.run"]
    if settings.nodes > 1:
        command = [*_srun(settings.nodes, threads), *command, *_rendezvous(settings.nodes)]
    else:
        command.append("--standalone")
    command += [f"--nproc-per-node={settings.processes}", "-m", _WORKER, json.dumps(job)]
    # What SLURM says of this job step is left out: srun would apply it to the new step.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SLURM_") or name == "SLURM_CONF"
    }
    done = subprocess.run(command, check=False, env=environment)  # noqa: S603
    if done.returncode:
        raise SrnetError(
            f"training in {settings.nodes} x {settings.processes} processes failed with status "
            f"{done.returncode}; the reason is printed above. Try a single process first "
            "(train.nodes: 1, train.processes: 1)"
        )


def _srun(nodes: int, threads: int) -> list[str]:
    """Return the command that runs a program once on each node of this SLURM job."""
    if "SLURM_JOB_ID" not in os.environ:
        raise SrnetError(
            f"train.nodes is {nodes}, and several nodes need a SLURM job that has as many: "
            f"`train: {{nodes: {nodes}}}` among the profile's set-resources (docs/cluster.md)"
        )
    # The job step of this program holds all resources of the job; the new one shares them.
    step = [f"--jobid={os.environ['SLURM_JOB_ID']}", "--overlap", "--kill-on-bad-exit"]
    tasks = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
    return ["srun", *step, *tasks, f"--cpus-per-task={threads}"]


def _rendezvous(nodes: int) -> list[str]:
    """Return where the launchers of all nodes connect: on this node, at a free port."""
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    endpoint = f"--rdzv-endpoint={socket.gethostname()}:{port}"
    return [f"--nnodes={nodes}", "--rdzv-backend=c10d", endpoint, f"--rdzv-id=srnet{port}"]
