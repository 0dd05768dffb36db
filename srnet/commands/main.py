"""The `srnet` console script: one subcommand per file of `srnet.commands`."""

import argparse
import errno
import importlib
import os
import sys

from srnet.core.errors import SrnetError

_SUMMARY = (
    "Biplanar x-rays to a 3-D CT of the spine: the stages of the pipeline as commands. "
    "The whole pipeline runs under Snakemake: snakemake --cores 8 results/table1.csv"
)
COMMANDS = {
    "config": "check a configuration, or document every key",
    "prepare": "one CT scan to bone, target volume and two DRRs",
    "scans": "list or refresh the table of public scans",
    "flops": "parameters and floating-point operations of a method",
    "x2ct": "exchange data sets with X2CT-GAN's layout",
    "metrics": "score one volume against another",
    "export": "pack a trained model into a folder",
    "reconstruct": "two x-ray films to a volume, a mesh and a page",
    "audit": "verify, explain, compare and export provenance",
}

_OF_THE_SYSTEM = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(
        errno.ENOENT,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.EIO,
        errno.ESTALE,
    ),
}
"""Errors of disks, permissions and paths, which a person mends; others are ours."""


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand.

    Returns 0 on success, 2 with one line on a user's mistake or a disk that cannot be written,
    141 where the program that reads what is printed has ended, as `head` does.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="srnet", description=_SUMMARY)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # Only the module of the command asked for is imported: `--help` stays light.
    asked = next((word for word in arguments if word in COMMANDS), None)
    for name, summary in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        if name == asked:
            module = importlib.import_module(f"srnet.commands.{name}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    parsed = parser.parse_args(arguments)
    try:
        status = int(parsed.run(parsed))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # What is left in the buffer would raise again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except SrnetError as mistake:
        print(f"srnet {parsed.command}: {mistake}", file=sys.stderr)
        return 2
    except OSError as failure:
        if failure.errno not in _OF_THE_SYSTEM:
            raise
        where = failure.filename2 or failure.filename or "its output"
        print(
            f"srnet {parsed.command}: {where}: {os.strerror(failure.errno)}; nothing more was "
            "written: mend that, or give another path, and try again",
            file=sys.stderr,
        )
        return 2
