"""`srnet prepare`: one CT scan to bone, target volume and two DRRs."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from srnet.acquire.acquire import acquire
from srnet.acquire.local import only_scan
from srnet.acquire.scan import Scan
from srnet.config.prepare import BoneSettings, DrrSettings, ResampleSettings
from srnet.core.atomic import scratch_folder
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.volume import write_volume
from srnet.imaging.xray import write_xray
from srnet.prepare.project_drr import project_drr
from srnet.prepare.resample_volume import resample_volume
from srnet.prepare.separate_bone import BoneSeparation, separate_bone

SIZES = range(16, 513)
Kind = TypeVar("Kind", BoneSettings, ResampleSettings, DrrSettings)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the scan, the folder to write, and what may differ from the defaults."""
    parser.add_argument(
        "scan",
        type=Path,
        help="image file, DICOM folder, archive of either, or folder that holds one of these",
    )
    parser.add_argument("folder", type=Path, help="folder to write the four files into")
    parser.add_argument(
        "--size", type=int, default=128, help="edge of volume and x-rays (default: %(default)s)"
    )
    parser.add_argument("--variant", choices=("window", "literal"), help="of the bone separation")
    parser.add_argument("--mode", choices=("resize", "isotropic"), help="of the resampling")
    parser.add_argument("--source-to-isocentre-mm", type=float)


def run(arguments: argparse.Namespace) -> int:
    """Write `bone.nii.gz`, `volume.nii.gz`, `ap.png` and `lateral.png`.

    Raises
    ------
    SrnetError
        If the scan is missing or refused, or an option is out of range.
    """
    if not arguments.scan.exists():
        raise SrnetError(f"{arguments.scan}: does not exist; give a CT file or a DICOM folder")
    if arguments.size not in SIZES:
        raise SrnetError(f"--size {arguments.size}: give {SIZES[0]} to {SIZES[-1]} voxels")
    given = {key: value for key, value in vars(arguments).items() if value is not None}
    files = only_scan(arguments.scan) if arguments.scan.is_dir() else (arguments.scan,)
    row = Scan(scan_id="scan", patient_id="scan", source="folder", files=tuple(map(str, files)))
    ct = acquire(row, seed=0)
    try:
        bone = separate_bone(ct, _settings(BoneSettings, given))
        volume = resample_volume(bone.volume, arguments.size, _settings(ResampleSettings, given))
        ap, lateral = project_drr(volume, _settings(DrrSettings, given))
    except ScanRejected as rejection:
        raise ScanRejected(f"{', '.join(row.files)}: {rejection}") from None
    # All four files or none: some of them would seem to be of this scan and may be of another.
    with scratch_folder(arguments.folder / "files") as scratch:
        write_volume(scratch / "bone.nii.gz", bone.volume)
        write_volume(scratch / "volume.nii.gz", volume)
        write_xray(scratch / "ap.png", ap)
        write_xray(scratch / "lateral.png", lateral)
        for file in scratch.iterdir():
            file.replace(arguments.folder / file.name)
    _report(bone, arguments.folder)
    return 0


def _settings(kind: type[Kind], given: Mapping[str, Any]) -> Kind:
    """Return settings of one stage from those options that it knows."""
    return kind.parse({key: given[key] for key in kind.model_fields if key in given})


def _report(bone: BoneSeparation, folder: Path) -> None:
    print(f"bone above {bone.threshold_hu:.0f} HU, {bone.bone_ml:.0f} ml")
    for warning in bone.warnings:
        print(f"warning: {warning}")
    print(f"{folder}: bone.nii.gz, volume.nii.gz, ap.png, lateral.png")
