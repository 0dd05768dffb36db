"""Time the steps of a training and reconstructions on three paths.

    python benchmarks/train_step.py --size 128 --width 1 --device gpu --recipe paper
    python benchmarks/train_step.py --size 64 --width 0.25 --threads 1
    python benchmarks/train_step.py --size 128 --width 1 --batch 1 --reconstruct-only

plain
    The published layers in float32 as PyTorch has them, contiguous, no TF32.
float32
    What `train.precision: float32` runs: weights in channels-last layout, repeated
    maps lifted by three slices, the 7^3 head slice by slice, and normalisation that
    keeps the layout; on a GPU with TF32, PyTorch's default.
bfloat16
    What `train.precision: bfloat16` runs: the same in mixed precision.

A step is that of the trainer with the losses of the recipe, including the discriminator step where
there is a discriminator. Each measurement runs in a process of its own, so that peak memory is
measured for it alone; the error against `plain` is measured last, since it needs both networks. On
a single CPU thread, times are processor time, which other programs hardly change.
"""

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from srnet.config.nets import Net
from srnet.config.train import TrainSettings
from srnet.dataset.tensors import Batch
from srnet.evaluate.measure_flops import count_true_flops
from srnet.nets.layers import InstanceNorm3d, RepeatedConv3d, SlicewiseConv3d
from srnet.nets.registry import NETS, build_net
from srnet.physics.views import Views
from srnet.train.launch import build_fabric
from srnet.train.trainer import Trainer

METHODS = {name: {"name": name} for name in NETS} | {
    "srnet3d_released": {"name": "srnet3d", "srct": "deformable", "srte": "stem"}
}
PATHS = ("plain", "float32", "bfloat16")
PAPER_STEPS = 585 * 200


@dataclass(frozen=True)
class Case:
    """One measurement: which network, on what, how often."""

    method: str
    path: str
    size: int
    width: float
    batch: int
    device: str
    threads: int
    steps: int
    recipe: str
    reconstruct_only: bool

    def settings(self) -> TrainSettings:
        """Return the settings of its training."""
        precision = "bfloat16" if self.path == "bfloat16" else "float32"
        device = "gpu" if self.device == "cuda" else "cpu"
        return TrainSettings.parse(
            {
                "recipe": self.recipe,
                "precision": precision,
                "device": device,
                "batch_size": self.batch,
            }
        )


def main() -> None:
    """Print one line per method and path, and write them as JSON where asked."""
    arguments = _parser().parse_args()
    rows = []
    for method, path in product(arguments.methods, PATHS):
        case = Case(
            method,
            path,
            arguments.size,
            arguments.width,
            arguments.batch,
            "cuda" if arguments.device == "gpu" else "cpu",
            arguments.threads,
            arguments.steps,
            arguments.recipe,
            arguments.reconstruct_only,
        )
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            row = asdict(case) | pool.apply(measure, (case,))
        rows.append(row)
        print(_line(row), flush=True)
        if path != "plain":
            plain = next(each for each in rows if each["method"] == method)
            print(_comparison(plain, row), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def measure(case: Case) -> dict[str, float]:
    """Return the figures of one case."""
    torch.set_num_threads(case.threads)
    torch.backends.cudnn.allow_tf32 = case.path != "plain"
    torch.backends.cudnn.benchmark = case.device == "cuda"
    device = torch.device(case.device)
    views = _views(case, device)
    row = {"reconstruction_seconds": _reconstruction_seconds(case, views)}
    if not case.reconstruct_only:
        row |= _step_figures(case, views)
    row["peak_gib"] = _peak_bytes(case) / 2**30
    return row | {"relative_error": _relative_error(case, views)}


def _reconstruction_seconds(case: Case, views: Views) -> float:
    """Time a separate network, which is freed before the trainer builds its own."""
    net = _net(case).to(views.image.device)
    return _seconds(case, lambda: _reconstruct(case, net, views)) / case.batch


def _step_figures(case: Case, views: Views) -> dict[str, float]:
    trainer = Trainer(
        _net_settings(case), case.settings(), case.size, 0, build_fabric(case.settings())
    )
    if case.path == "plain":
        _make_plain(trainer.net)
    batch = Batch(views, _volume(case, views.image.device))
    operations = count_true_flops(lambda: trainer.step([batch]))
    step = _seconds(case, lambda: trainer.step([batch]))
    return {
        "samples_per_second": case.batch / step,
        "flops_per_second": operations / step,
        "matrix_flops_per_second": _matrix_rate(case, views.image.device),
        "paper_schedule_hours": PAPER_STEPS * step / case.batch / 3600,
    }


@torch.no_grad()
def _relative_error(case: Case, views: Views) -> float:
    """Return the relative distance of an untrained network's output from that of `plain`."""
    plain = Case(**{**asdict(case), "path": "plain"})
    output, reference = (
        _run(each, _net(each).to(views.image.device).eval(), views) for each in (case, plain)
    )
    return float((output - reference).norm() / reference.norm())


def _net(case: Case) -> nn.Module:
    torch.manual_seed(0)
    net = build_net(_net_settings(case), case.size)
    if case.path == "plain":
        _make_plain(net)
    return net


def _net_settings(case: Case) -> Net:
    settings: Net = TypeAdapter(Net).validate_python({**METHODS[case.method], "width": case.width})
    return settings


def _make_plain(net: nn.Module) -> None:
    """Undo the rearrangement of layers and memory layout."""
    for module in net.modules():
        if isinstance(module, RepeatedConv3d | SlicewiseConv3d | InstanceNorm3d):
            setattr(module, "forward", _plain_forward(module))  # noqa: B010
    for parameter in net.parameters():
        parameter.data = parameter.data.contiguous()


def _plain_forward(layer: nn.Conv3d | InstanceNorm3d) -> Callable[[Tensor], Tensor]:
    """Return the `forward` of a rearranged layer with the published order of operations."""

    def forward(feature: Tensor) -> Tensor:
        if isinstance(layer, InstanceNorm3d):
            return nn.InstanceNorm3d.forward(layer, feature)
        if isinstance(layer, RepeatedConv3d):
            feature = feature.unsqueeze(2).expand(-1, -1, layer.edge, -1, -1)
        return nn.functional.conv3d(feature, layer.weight, layer.bias, padding=layer.padding)

    return forward


def _precision(case: Case) -> AbstractContextManager[Any]:
    return torch.autocast(case.device, torch.bfloat16, enabled=case.path == "bfloat16")


def _run(case: Case, net: nn.Module, views: Views) -> Tensor:
    with _precision(case):
        volume: Tensor = net(views)
    return volume


def _reconstruct(case: Case, net: nn.Module, views: Views) -> None:
    with torch.no_grad():
        _run(case, net.eval(), views)


def _seconds(case: Case, work: Callable[[], object]) -> float:
    """Return the shortest of several timed calls, after one that is not timed."""
    single = case.device == "cpu" and case.threads == 1
    clock = time.process_time if single else time.perf_counter
    times = []
    for _ in range(case.steps + 1):
        start = clock()
        work()
        if case.device == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - start)
    return min(times[1:])


def _matrix_rate(case: Case, device: torch.device) -> float:
    """Return the operations a second of a large bfloat16 matrix product."""
    edge = 8192 if case.device == "cuda" else 1024
    matrix = torch.rand(edge, edge, device=device, dtype=torch.bfloat16)

    def multiply() -> None:
        torch.mm(matrix, matrix)

    return 2 * edge**3 / _seconds(case, multiply)


def _peak_bytes(case: Case) -> int:
    if case.device == "cuda":
        return torch.cuda.max_memory_allocated()
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _volume(case: Case, device: torch.device) -> Tensor:
    volume = torch.zeros(case.batch, 1, *(case.size,) * 3, device=device)
    middle = slice(case.size // 3, 2 * case.size // 3)
    volume[:, :, :, middle, middle] = 0.5
    return volume


def _views(case: Case, device: torch.device) -> Views:
    volume = _volume(case, device)[:, 0]
    integral = torch.stack([volume.sum(2), volume.sum(3)], dim=1)
    noise = torch.rand(integral.shape, generator=torch.Generator().manual_seed(0)).to(device)
    return Views(
        integral / integral.amax() * noise,
        integral,
        torch.ones(case.batch, 3, device=device),
        torch.full((case.batch,), 541.0, device=device),
    )


def _line(row: dict[str, Any]) -> str:
    line = (
        f"{row['method']:17s} {row['path']:8s} "
        f"reconstruction {row['reconstruction_seconds']:7.3f} s  {row['peak_gib']:6.2f} GiB  "
        f"relative error {row['relative_error']:.1e}"
    )
    if row["reconstruct_only"]:
        return line
    return line + (
        f"  {row['samples_per_second']:8.3f} samples/s  "
        f"{row['flops_per_second'] / 1e12:8.4f} TFLOP/s "
        f"of {row['matrix_flops_per_second'] / 1e12:.3f}  "
        f"585 scans x 200 epochs {row['paper_schedule_hours']:.1f} h"
    )


def _comparison(plain: dict[str, Any], other: dict[str, Any]) -> str:
    """Return how much faster than the plain path another is."""
    forward = plain["reconstruction_seconds"] / other["reconstruction_seconds"]
    line = f"{other['method']:17s} {other['path']} is {forward:.2f} x as fast in reconstruction"
    if other["reconstruct_only"]:
        return line
    step = other["samples_per_second"] / plain["samples_per_second"]
    return f"{line}, {step:.2f} x in training"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--size", type=int, choices=(32, 64, 128), default=32)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--recipe", default="quick", help="whose losses a step has: %(default)s")
    parser.add_argument("--steps", type=int, default=3, help="timed steps; the shortest counts")
    parser.add_argument(
        "--reconstruct-only", action="store_true", help="no training steps: less time and memory"
    )
    parser.add_argument("--json", type=Path, help="file for all figures")
    return parser


if __name__ == "__main__":
    main()
