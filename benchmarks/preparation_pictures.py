"""Draw the pictures of docs/preparation.md from clinical scans, and print their numbers.

    SRNET_DATA=FOLDER python benchmarks/preparation_pictures.py docs/images

`couch.png` shows three clinical series before and after bone separation, and their x-rays;
`literal.png` what K-means finds in the whole volume, and within the window. FOLDER holds
`dicom/*.dcm.tar.xz` and `ct/*.nii.gz`.
"""

import os
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from srnet.acquire.acquire import acquire
from srnet.acquire.scan import Scan
from srnet.config.prepare import BoneSettings, DrrSettings, ResampleSettings
from srnet.imaging.volume import AIR_HU, Axis, Volume
from srnet.prepare.project_drr import project_drr
from srnet.prepare.resample_volume import resample_volume
from srnet.prepare.separate_bone import separate_bone

SERIES = {"lidc-0001": 432, "crlm-1006": 410, "acrin-flt-001b": 420}
"""The series, and the anteroposterior index of each beyond which there is only couch."""

MIXED = ("dicom/lidc-0001", "ct/openkbp-002", "ct/totalseg-example", "ct/tptbox-ct-label22")


def read(data: Path, name: str) -> Volume:
    """Import one scan, unpacking it if it is a DICOM archive."""
    archive = data / f"{name}.dcm.tar.xz"
    with TemporaryDirectory() as folder:
        path = data / f"{name}.nii.gz"
        if archive.exists():
            path = Path(folder)
            with tarfile.open(archive) as packed:
                packed.extractall(path, filter="data")
        row = Scan(scan_id="scan", patient_id="scan", source="folder", files=(str(path),))
        return acquire(row, seed=0)


def deepest(volume: Volume, axis: Axis, high: int = 900) -> NDArray[np.float64]:
    """Return the maximum along an axis, grey between air and `high` HU."""
    shown: NDArray[np.float64] = (volume.array.max(axis=axis) + 200.0) / (high + 200)
    return shown.clip(0, 1)


def couch(data: Path, folder: Path) -> None:
    """Draw the clinical series."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, 4, figsize=(11, 8.2), facecolor="black")
    for row, (name, skin) in zip(axes, SERIES.items(), strict=True):
        ct = read(data, f"dicom/{name}")
        bone = separate_bone(ct, BoneSettings())
        size = ResampleSettings()
        volume = resample_volume(bone.volume, 128, size)
        ap, lateral = project_drr(volume, DrrSettings())
        down, back, left = ct.grid.extent_mm
        pictures = {
            f"{name}: CT": (deepest(ct, Axis.LEFT_RIGHT, 400), down / back),
            "bone": (deepest(bone.volume, Axis.LEFT_RIGHT), down / back),
            "lateral x-ray": (lateral.grey**0.7, down / back),
            "AP x-ray": (ap.grey**0.7, down / left),
        }
        for panel, (title, (picture, shape)) in zip(row, pictures.items(), strict=True):
            aspect = shape * picture.shape[1] / picture.shape[0]
            panel.imshow(picture, cmap="gray", aspect=aspect)
            panel.set_title(title, color="white", fontsize=9)
            panel.axis("off")
        voxel_ml = ct.grid.voxel_ml
        before = np.count_nonzero(ct.array[:, skin:] > bone.threshold_hu) * voxel_ml
        after = np.count_nonzero(bone.volume.array[:, skin:] > AIR_HU) * voxel_ml
        print(
            f"{name}: threshold {bone.threshold_hu:.0f} HU, bone {bone.bone_ml:.0f} ml, "
            f"couch above the threshold {before:.1f} ml before, {after:.1f} ml after"
        )
    save(figure, folder / "couch.png")


def literal(data: Path, folder: Path) -> None:
    """Draw both variants of the bone separation side by side."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(MIXED), figsize=(11, 6.8), facecolor="black")
    for column, name in zip(axes.T, MIXED, strict=True):
        ct = read(data, name)
        down, _, left = ct.grid.extent_mm
        for panel, variant in zip(column, ("literal", "window"), strict=True):
            found = separate_bone(ct, BoneSettings(variant=variant))
            picture = deepest(found.volume, Axis.ANTEROPOSTERIOR)
            aspect = down / left * picture.shape[1] / picture.shape[0]
            panel.imshow(picture, cmap="gray", aspect=aspect)
            title = f"{Path(name).name}\n{variant}: above {found.threshold_hu:.0f} HU"
            panel.set_title(title, color="white", fontsize=9)
            panel.axis("off")
            print(f"{name} {variant}: {found.threshold_hu:.0f} HU, {found.bone_ml:.0f} ml")
    save(figure, folder / "literal.png")


def save(figure: "mpl.figure.Figure", path: Path) -> None:
    """Write a figure in 8-bit grey."""
    from PIL import Image

    figure.tight_layout(pad=1.0)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., 0]  # type: ignore[attr-defined]
    Image.fromarray(pixels).save(path, optimize=True)


def main(folder: str) -> None:
    """Draw both pictures."""
    mpl.use("agg")
    data = Path(os.environ["SRNET_DATA"])
    Path(folder).mkdir(parents=True, exist_ok=True)
    couch(data, Path(folder))
    literal(data, Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
