"""`srnet flops`: parameters and operations of a method, in two conventions."""

import argparse
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from srnet.config.nets import Net
from srnet.config.run import Config
from srnet.core.errors import SrnetError
from srnet.core.text import read_yaml
from srnet.evaluate.measure_flops import measure_flops


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the method and what is varied of it."""
    parser.add_argument("method", help="a method of the configuration, such as srnet3d")
    parser.add_argument("--config", type=Path, help="configuration file that has the method")
    parser.add_argument("--size", type=int, choices=(32, 64, 128), default=128)
    parser.add_argument("--width", type=float, default=1.0, help="1 is the published width")
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="settings of the network, such as srct=deformable",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the counts; an unknown method or setting raises `SrnetError`."""
    methods = _config(arguments.config).methods
    if arguments.method not in methods:
        near = difflib.get_close_matches(arguments.method, methods, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise SrnetError(f"no method '{arguments.method}'; {hint}methods: {', '.join(methods)}")
    changes = {"width": arguments.width, **dict(_pair(text) for text in arguments.set)}
    net = _changed(methods[arguments.method].net, changes)
    flops = measure_flops(net, arguments.size)
    print(f"parameters         {flops.parameters / 1e6:12.3f} M")
    print(f"operations         {flops.true_flops / 1e9:12.3f} G  of the path that is run")
    print(f"paper's convention {flops.paper_flops / 1e9:12.3f} G  2 x MACs as thop counts them")
    return 0


def _config(path: Path | None) -> Config:
    if path is None:
        return Config()
    try:
        return Config.parse(read_yaml(path))
    except SrnetError as problem:
        raise SrnetError(f"{path}: {str(problem).removeprefix(f'{path}: ')}") from problem


def _pair(text: str) -> tuple[str, Any]:
    key, found, value = text.partition("=")
    if not found:
        raise SrnetError(f"--set {text}: write KEY=VALUE")
    return key, yaml.safe_load(value)


def _changed(net: Net, changes: Mapping[str, Any]) -> Net:
    try:
        changed: Net = TypeAdapter(Net).validate_python({**net.plain(), **changes})
    except ValidationError as failure:
        error = failure.errors()[0]
        raise SrnetError(f"--set {error['loc'][-1]}={error['input']}: {error['msg']}") from None
    return changed
