"""`srnet x2ct`: exchange data sets with X2CT-GAN's layout of one file per scan."""

import argparse
from pathlib import Path

from srnet.config.prepare import DrrSettings
from srnet.dataset.hdf5 import Sample, read_dataset, write_samples
from srnet.dataset.split import SplitScan
from srnet.dataset.x2ct_layout import find_x2ct, read_x2ct, write_x2ct
from srnet.imaging.volume import Axis


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `export DATASET FOLDER` and `import FOLDER DATASET`."""
    actions = parser.add_subparsers(dest="action", required=True)
    exporter = actions.add_parser("export", help="write a data set of this package for X2CT")
    exporter.add_argument("dataset", type=Path, help="train.h5, validation.h5 or test.h5")
    exporter.add_argument("folder", type=Path, help="folder of one folder per scan")
    importer = actions.add_parser("import", help="make a data set of this package of X2CT's files")
    importer.add_argument("folder", type=Path, help="folder of one folder per scan")
    importer.add_argument("dataset", type=Path, help="HDF5 file to write")
    importer.add_argument(
        "--spacing-mm", type=float, default=1.0, help="where files do not say (default: 1)"
    )
    importer.add_argument(
        "--flip",
        action="append",
        default=[],
        choices=[axis.name.lower() for axis in Axis],
        help="axis along which their arrays run the other way; may be repeated",
    )


def run(arguments: argparse.Namespace) -> int:
    """Copy every sample from one layout to the other."""
    return {"export": _export, "import": _import}[arguments.action](arguments)


def _export(arguments: argparse.Namespace) -> int:
    samples = read_dataset(arguments.dataset)
    for index, scan in enumerate(samples.scans):
        sample = Sample(samples.volume(index), *samples.xrays(index))
        write_x2ct(arguments.folder, scan, sample)
    print(f"{arguments.folder}: {len(samples)} scans")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    scans = find_x2ct(arguments.folder)
    flips = [Axis[name.upper()] for name in arguments.flip]
    write_samples(
        arguments.dataset,
        [SplitScan(scan, scan, "x2ct", "train") for scan in scans],
        (read_x2ct(arguments.folder, scan, arguments.spacing_mm, flips) for scan in scans),
        DrrSettings(),
    )
    print(f"{arguments.dataset}: {len(scans)} scans")
    return 0
