"""What a result may depend on besides code, settings and inputs: interpreter, packages, GPU."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from srnet.core.digest import file_digest
from srnet.provenance.code import ROOT

_LOCK = "requirements.lock"
_VARIABLES = ("PYTHONHASHSEED", "OMP_NUM_THREADS", "CUBLAS_WORKSPACE_CONFIG")
_CONTAINERS = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "SRNET_IMAGE")


def environment() -> dict[str, Any]:
    """Return interpreter, lock of the packages, container, and torch if a stage imported it.

    This function does not import torch itself, which would cost a preparation job seconds.
    """
    lock = ROOT / _LOCK
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "lock_sha256": file_digest(lock) if lock.is_file() else None,
        "container": next((os.environ[name] for name in _CONTAINERS if name in os.environ), None),
        "variables": {name: os.environ.get(name) for name in _VARIABLES},
    }
    torch = sys.modules.get("torch")
    return found if torch is None else found | _torch_facts(torch)


def _torch_facts(torch: Any) -> dict[str, Any]:
    """Return the versions, devices and determinism flags of torch."""
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    return {
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda,
        "gpus": [torch.cuda.get_device_name(number) for number in gpus],
        "determinism": {
            "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
            "cudnn_deterministic": torch.backends.cudnn.deterministic,
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
        },
    }


def installed_packages() -> dict[str, str]:
    """Return the name and version of every installed distribution, sorted."""
    found = {d.metadata["Name"].lower(): d.version for d in importlib.metadata.distributions()}
    return dict(sorted(found.items()))


def git_state(folder: Path = ROOT) -> dict[str, Any]:
    """Return the commit of a checkout and whether files differ from it.

    Both are None without git, or if `folder` itself is no checkout, as a release unpacked inside
    the checkout of another project. A checkout of another user, as in a container, is accepted.
    """
    only_here = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    options = ["--no-optional-locks", "-c", f"safe.directory={folder}", "-C", str(folder)]

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(  # noqa: S603
                ["git", *options, *words],  # noqa: S607
                env=only_here,
                capture_output=True,
                encoding="utf-8",
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    commit = git("rev-parse", "HEAD")
    changes = git("status", "--porcelain")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def peak_memory_mb() -> float:
    """Return the most memory that this process has held, in MB; 0 where there is no /proc.

    `getrusage` is not used, since it starts a process at the peak of its parent.
    """
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return round(peaks[0] / 1024, 1) if peaks else 0.0
