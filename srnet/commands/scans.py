"""`srnet scans`: list a cohort, refresh the table of public scans, prepare folders."""

import argparse
import shutil
from collections import Counter
from pathlib import Path

from srnet.acquire.acquire import list_scans
from srnet.acquire.archive import unpack
from srnet.acquire.dicom import list_series
from srnet.acquire.osf import API, NODES, TOKEN, osf_client, refresh
from srnet.acquire.verse import read_table, write_table
from srnet.config.cohort import CohortSettings
from srnet.core.atomic import atomic_folder, refuse_existing
from srnet.core.text import read_yaml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions and their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    shown = actions.add_parser("list", help="print the scans of a configuration")
    shown.add_argument("--configfile", default="config.yaml", help="configuration of the run")
    shown.set_defaults(action_run=_list)
    about = (
        "Fill the table from the publisher's API. OSF answers 100 requests an hour, so that this "
        f"takes hours; with a personal access token in the environment variable {TOKEN}, minutes."
    )
    filled = actions.add_parser(
        "refresh", help="fill the table from the publisher's API", description=about
    )
    filled.add_argument("--table", default="config/scans.tsv", help="table to rewrite")
    filled.add_argument("--api", default=API, help="address of the OSF API")
    filled.add_argument("--release", choices=sorted(NODES), action="append", help="default: all")
    filled.set_defaults(action_run=_refresh)
    unpacked = actions.add_parser("unpack", help="unpack an archive, every path checked")
    unpacked.add_argument("archive", type=Path)
    unpacked.add_argument("folder", type=Path)
    unpacked.set_defaults(action_run=_unpack)
    split = actions.add_parser("split-dicom", help="copy every series to a folder of its own")
    split.add_argument("folder", type=Path)
    split.add_argument("out", type=Path)
    split.set_defaults(action_run=_split_dicom)


def run(args: argparse.Namespace) -> int:
    """Do what the action asks."""
    args.action_run(args)
    return 0


def _list(args: argparse.Namespace) -> None:
    settings = read_yaml(args.configfile)
    scans = list_scans(CohortSettings.parse(settings.get("cohort", {})))
    print("scan_id\tpatient_id\tsource\tlicence\tfiles")
    for scan in scans:
        files = " ".join(scan.files)
        print(f"{scan.scan_id}\t{scan.patient_id}\t{scan.source}\t{scan.licence}\t{files}")


def _refresh(args: argparse.Namespace) -> None:
    rows, client = read_table(args.table), osf_client()
    for release in args.release or sorted(NODES):
        rows = refresh(rows, client, release, args.api)
        # A release takes hours without a token, so each is written before the next is listed.
        write_table(args.table, rows)
        mine = [row for row in rows if row.release == release]
        reasons = Counter(row.reason for row in mine)
        print(
            f"{release}: {sum(bool(row.url) for row in mine)} scans with an address, "
            f"{reasons['not on the server']} not on the server"
        )


def _unpack(args: argparse.Namespace) -> None:
    unpack(args.archive, args.folder)
    print(args.folder)


def _split_dicom(args: argparse.Namespace) -> None:
    for number, stack in enumerate(list_series([args.folder]), start=1):
        folder = args.out / f"{args.folder.name}-{number}"
        refuse_existing(folder)
        # All slices or none: some of them would be read as a shorter scan.
        with atomic_folder(folder) as partial:
            # An enhanced CT holds all slices of a stack in one file.
            for path in dict.fromkeys(slice_.path for slice_ in stack):
                shutil.copy2(path, partial / path.name)
        print(f"{folder}\t{len(stack)} slices of {stack[0].description}")
