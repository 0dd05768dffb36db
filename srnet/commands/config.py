"""`srnet config`: check configuration files, or document every key."""

import argparse
from pathlib import Path

from srnet.config.document import document
from srnet.config.run import Config
from srnet.core.errors import SrnetError
from srnet.core.text import read_yaml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `check FILE ...` and `document`."""
    actions = parser.add_subparsers(dest="action", required=True)
    check = actions.add_parser("check", help="validate configuration files")
    check.add_argument("files", nargs="+", type=Path)
    actions.add_parser("document", help="print the reference page as Markdown")


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for; a wrong file raises `SrnetError` with its name."""
    if arguments.action == "document":
        print(document(), end="")
        return 0
    for path in arguments.files:
        try:
            Config.parse(read_yaml(path))
        except SrnetError as problem:
            raise SrnetError(f"{path}: {str(problem).removeprefix(f'{path}: ')}") from problem
        print(f"{path}: valid")
    return 0
