"""Time training steps and reconstructions: the default path against plain float32.

    python benchmarks/train_step.py --size 128 --width 1 --device gpu --batch 2
    python benchmarks/train_step.py --size 64 --width 0.25 --threads 1
    python benchmarks/train_step.py --size 128 --width 1 --batch 1 --reconstruct-only

Default path: weights of 3-D convolutions in channels-last layout, repeated
maps lifted by three slices, the 7^3 head slice by slice, bfloat16 autocast.
Plain: the same weights, contiguous, every layer as `nn.Conv3d`, float32. Each
measurement has a process of its own, so that peak memory is its own; the error
of the default path is measured last, since it needs both networks. On a single
CPU thread, seconds are those of the processor, which other programs leave alone.
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
from srnet.evaluate.measure_flops import count_true_flops
from srnet.losses import weigh_terms
from srnet.nets.convolution import RepeatedConv3d, SlicewiseConv3d
from srnet.nets.registry import NETS, build_net
from srnet.nets.views import Views

METHODS = {name: {"name": name} for name in NETS} | {
    "srnet3d_released": {"name": "srnet3d", "srct": "deformable", "srte": "stem"}
}
PATHS = ("plain", "default")
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
    reconstruct_only: bool


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
            arguments.reconstruct_only,
        )
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            row = asdict(case) | pool.apply(measure, (case,))
        rows.append(row)
        print(_line(row), flush=True)
        if path == "default":
            print(_comparison(*rows[-2:]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def measure(case: Case) -> dict[str, float]:
    """Return the figures of one case."""
    torch.set_num_threads(case.threads)
    device = torch.device(case.device)
    views, target = (_views(case, device), _volume(case, device))
    net = _net(case).to(device)
    forward = _seconds(case, lambda: _reconstruct(case, net, views))
    row = {"reconstruction_seconds": forward / case.batch}
    if not case.reconstruct_only:
        row |= _step_figures(case, net, views, target)
    row["peak_gib"] = _peak_bytes(case) / 2**30
    return row | {"relative_error": _relative_error(case, views)}


def _step_figures(case: Case, net: nn.Module, views: Views, target: Tensor) -> dict[str, float]:
    operations = 3 * count_true_flops(net, lambda: _reconstruct(case, net, views))
    step = _seconds(case, _stepper(case, net, views, target))
    return {
        "samples_per_second": case.batch / step,
        "flops_per_second": operations / step,
        "matrix_flops_per_second": _matrix_rate(case, views.image.device),
        "paper_schedule_hours": PAPER_STEPS * step / case.batch / 3600,
    }


@torch.no_grad()
def _relative_error(case: Case, views: Views) -> float:
    """Return the distance of an untrained network's output from plain float32's."""
    plain = Case(**{**asdict(case), "path": "plain"})
    output, reference = (
        _run(each, _net(each).to(views.image.device).eval(), views) for each in (case, plain)
    )
    return float((output - reference).norm() / reference.norm())


def _net(case: Case) -> nn.Module:
    torch.manual_seed(0)
    settings = TypeAdapter(Net).validate_python({**METHODS[case.method], "width": case.width})
    net = build_net(settings, case.size)
    if case.path == "plain":
        for module in net.modules():
            if isinstance(module, RepeatedConv3d | SlicewiseConv3d):
                setattr(module, "forward", _plain_forward(module))  # noqa: B010
        for parameter in net.parameters():
            parameter.data = parameter.data.contiguous()
    return net


def _plain_forward(layer: nn.Conv3d) -> Callable[[Tensor], Tensor]:
    """Return the published arithmetic of a rearranged layer."""

    def forward(feature: Tensor) -> Tensor:
        if isinstance(layer, RepeatedConv3d):
            feature = feature.unsqueeze(2).expand(-1, -1, layer.edge, -1, -1)
        return nn.functional.conv3d(feature, layer.weight, layer.bias, padding=layer.padding)

    return forward


def _precision(case: Case) -> AbstractContextManager[Any]:
    return torch.autocast(case.device, torch.bfloat16, enabled=case.path == "default")


def _run(case: Case, net: nn.Module, views: Views) -> Tensor:
    with _precision(case):
        volume: Tensor = net(views)
    return volume


def _reconstruct(case: Case, net: nn.Module, views: Views) -> None:
    with torch.no_grad():
        _run(case, net.eval(), views)


def _stepper(case: Case, net: nn.Module, views: Views, target: Tensor) -> Callable[[], None]:
    optimiser = torch.optim.Adam((p for p in net.parameters() if p.requires_grad), lr=1e-4)

    def step() -> None:
        net.train()
        terms = weigh_terms({"mse": 1.0}, _run(case, net, views), target)
        optimiser.zero_grad()
        terms["mse"].backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def _seconds(case: Case, work: Callable[[], None]) -> float:
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


def _comparison(plain: dict[str, Any], default: dict[str, Any]) -> str:
    """Return how much faster the default path is."""
    forward = plain["reconstruction_seconds"] / default["reconstruction_seconds"]
    line = f"{default['method']:17s} default is {forward:.2f} x as fast in reconstruction"
    if default["reconstruct_only"]:
        return line
    step = default["samples_per_second"] / plain["samples_per_second"]
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
    parser.add_argument("--steps", type=int, default=3, help="timed steps; the shortest counts")
    parser.add_argument(
        "--reconstruct-only", action="store_true", help="no training steps: less time and memory"
    )
    parser.add_argument("--json", type=Path, help="file for all figures")
    return parser


if __name__ == "__main__":
    main()
