"""Time the preparation beside other ways to do the same, and print ratios.

    python benchmarks/prepare.py kmeans
    python benchmarks/prepare.py scan [CT.nii.gz]
    python benchmarks/prepare.py readers [CT.nii.gz]
    python benchmarks/prepare.py cohort FOLDER ['PATTERN']

`kmeans` clusters 512x512x300 voxels by their histogram, and all of them in float64 (6.6 GB).

`scan` takes one scan from its file to the bone volume, the 128 cube and both x-rays, and compares
that with reading the file only. Without a file it takes a generated patient with voxels of
0.7 mm. Times are the best of three, taken in turn, in wall time; those of `scan` are in processor
time, which other work on the machine changes less.

`readers` reads and checks the same scan from every format, and compares that with SimpleITK, which
checks less.

`cohort` takes all scans of a folder, or those whose names match a pattern, from their files to
the files of volume and x-rays, in as many processes as there are cores, and lists those that were
rejected.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.acquire.acquire import acquire, list_scans
from srnet.acquire.scan import Scan
from srnet.config.cohort import CohortSettings, FolderSource, PhantomSource
from srnet.config.prepare import BoneSettings, DrrSettings, ResampleSettings
from srnet.core.errors import ScanRejected
from srnet.imaging.histogram import count_hu
from srnet.imaging.volume import Volume, write_volume
from srnet.imaging.xray import write_xray
from srnet.prepare.project_drr import project_drr
from srnet.prepare.resample_volume import resample_volume
from srnet.prepare.separate_bone import cluster_histogram, separate_bone

TISSUES = ((-950, 30, 0.45), (-90, 25, 0.2), (50, 30, 0.3), (500, 180, 0.05))
FINE_MM = 0.7
SIZE = 128


def best_of_three(
    *tasks: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Return the shortest time of each task, run in turn."""
    times: list[list[float]] = [[] for _ in tasks]
    for _ in range(3):
        for task, taken in zip(tasks, times, strict=True):
            start = clock()
            task()
            taken.append(clock() - start)
    return [min(taken) for taken in times]


def kmeans() -> None:
    """Compare the clustering of a histogram with scikit-learn on every voxel in float64."""
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(0)
    total = 512 * 512 * 300
    parts = [rng.normal(m, s, round(total * share)) for m, s, share in TISSUES]
    voxels = np.rint(np.concatenate(parts)).astype(np.int16)

    def ours() -> NDArray[np.uint8]:
        centres = cluster_histogram(*count_hu(voxels), 3)
        low, high = (centres[1:] + centres[:-1]) / 2
        labels: NDArray[np.uint8] = np.add(voxels > low, voxels > high, dtype=np.uint8)
        return labels

    (seconds,) = best_of_three(ours)
    start = time.perf_counter()
    peer = KMeans(3, n_init=1, random_state=0).fit(voxels.astype(np.float64)[:, None])
    peer_seconds = time.perf_counter() - start
    rank = np.argsort(np.argsort(peer.cluster_centers_[:, 0]))
    differing = np.mean(rank[peer.labels_] != ours())
    print(f"K-means, 3 clusters, {voxels.size / 1e6:.1f} M voxels, labels included")
    print(f"  of the histogram      {seconds:8.3f} s")
    print(f"  of all voxels, float64 {peer_seconds:8.3f} s   ratio {peer_seconds / seconds:.0f}")
    print(f"  labels that differ    {differing:8.4%}")


def fine_patient(folder: Path) -> Path:
    """Write a generated patient with small voxels, and return the file."""
    cohort = CohortSettings(sources=(PhantomSource(count=3, spacing_mm=FINE_MM),))
    scan = list_scans(cohort)[0]
    path = folder / "ct.nii.gz"
    write_volume(path, acquire(scan, seed=1))
    return path


def file_scan(path: Path) -> Scan:
    """Return a file as a row of the scan table."""
    name = path.name.removesuffix(".nii.gz")
    return Scan(scan_id=name, patient_id=name, source="folder", files=(str(path),))


def prepare(path: Path) -> dict[str, float]:
    """Take one scan through all stages, and return the processor time of each."""
    row = file_scan(path)
    times = {}
    value: Volume | None = None
    steps: dict[str, Callable[[], Volume | None]] = {
        "read and check": lambda: acquire(row, seed=0),
        "separate bone": lambda: value and separate_bone(value, BoneSettings()).volume,
        "resample to 128": lambda: value and resample_volume(value, SIZE, ResampleSettings()),
        "two x-rays": lambda: value and (project_drr(value, DrrSettings()), None)[1],
    }
    for name, step in steps.items():
        start = time.process_time()
        value = step()
        times[name] = time.process_time() - start
    return times


def scan(path: Path) -> None:
    """Compare the whole preparation with reading the file only."""
    import nibabel
    import SimpleITK

    prepare(path)
    runs = []
    readers = {
        "nibabel": lambda: np.asarray(nibabel.Nifti1Image.from_filename(str(path)).dataobj),
        "SimpleITK": lambda: SimpleITK.ReadImage(str(path)),
    }
    reading = dict(
        zip(readers, best_of_three(*readers.values(), clock=time.process_time), strict=True)
    )
    for _ in range(3):
        runs.append(prepare(path))
    times = min(runs, key=lambda run: sum(run.values()))
    total = sum(times.values())
    image = SimpleITK.ReadImage(str(path))
    print(f"{'x'.join(map(str, image.GetSize()))}, {path.stat().st_size / 1e6:.0f} MB")
    for name, seconds in times.items():
        print(f"  {name:22s}{seconds:8.3f} s")
    print(f"  {'all':22s}{total:8.3f} s")
    for name, seconds in reading.items():
        print(f"  {f'{name} reads':22s}{seconds:8.3f} s   ratio {total / seconds:.1f}")
    print(f"  peak memory of one run {_peak_gib(path):.2f} GiB")


def readers(path: Path) -> None:
    """Compare reading and checking a scan from every format with SimpleITK's reading of it."""
    import SimpleITK

    image = SimpleITK.Cast(SimpleITK.ReadImage(str(path)), SimpleITK.sitkInt16)
    print(f"{'x'.join(map(str, image.GetSize()))} voxels, processor time")
    with TemporaryDirectory() as name:
        folder = Path(name)
        for kind in (
            "raw.nii",
            "packed.nii.gz",
            "raw.nrrd",
            "packed.nrrd",
            "raw.mha",
            "packed.mha",
        ):
            SimpleITK.WriteImage(image, str(folder / kind), useCompression="packed" in kind)
        _write_series(image, folder / "series")
        for file in sorted(folder.iterdir()):
            row = file_scan(file)
            ours, theirs = best_of_three(
                partial(acquire, row, seed=0), partial(_read_itk, file), clock=time.process_time
            )
            ratio = ours / theirs
            print(
                f"  {file.name:16s}{ours:8.3f} s   SimpleITK {theirs:8.3f} s   ratio {ratio:.2f}"
            )


def _read_itk(path: Path) -> object:
    import SimpleITK

    if not path.is_dir():
        return SimpleITK.ReadImage(str(path))
    return SimpleITK.ReadImage(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(path)))


def _write_series(image: Any, folder: Path) -> None:
    """Write a volume as a DICOM series of axial slices."""
    import SimpleITK

    folder.mkdir()
    turned = SimpleITK.DICOMOrient(image, "LPS")
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for index in range(turned.GetDepth()):
        plane = turned[:, :, index]
        position = turned.TransformIndexToPhysicalPoint((0, 0, index))
        tags = {
            "0008|0060": "CT",
            "0008|0018": f"1.2.3.{index + 1}",
            "0020|000e": "1.2.3",
            "0020|0032": "\\".join(f"{value:.4f}" for value in position),
            "0020|0037": "1\\0\\0\\0\\1\\0",
        }
        for tag, value in tags.items():
            plane.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{index:03d}.dcm"))
        writer.Execute(plane)


def _peak_gib(path: Path) -> float:
    """Return the peak resident memory of a process that prepares one scan."""
    subprocess.run([sys.executable, __file__, "once", str(path)], check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def cohort(folder: Path, pattern: str = "*") -> None:
    """Prepare every scan of a folder; print the time, the thresholds and the rejected scans."""
    settings = CohortSettings(sources=(FolderSource(path=str(folder), include=pattern),))
    scans = list_scans(settings)
    start = time.perf_counter()
    with TemporaryDirectory() as name, ProcessPoolExecutor() as pool:
        results = list(pool.map(partial(_one_of_many, Path(name)), scans, chunksize=4))
    seconds = time.perf_counter() - start
    thresholds = [value for value in results if isinstance(value, float)]
    print(f"{len(thresholds)} of {len(scans)} scans in {seconds:.0f} s at {SIZE} voxels")
    low, mean, high = min(thresholds), np.mean(thresholds), max(thresholds)
    print(f"  thresholds {low:.0f} to {high:.0f} HU, mean {mean:.0f}, sd {np.std(thresholds):.1f}")
    for row, reason in zip(scans, results, strict=True):
        if isinstance(reason, str):
            print(f"  rejected {row.scan_id}: {reason}")


def _one_of_many(folder: Path, row: Scan) -> float | str:
    """Write one scan's products; return its threshold, or why it was rejected."""
    try:
        bone = separate_bone(acquire(row, seed=0), BoneSettings())
        volume = resample_volume(bone.volume, SIZE, ResampleSettings())
        images = project_drr(volume, DrrSettings())
    except ScanRejected as rejection:
        return str(rejection)
    write_volume(folder / f"{row.scan_id}.nii.gz", volume)
    for name, image in zip(("ap", "lateral"), images, strict=True):
        write_xray(folder / row.scan_id / f"{name}.png", image)
    return bone.threshold_hu


def main(what: str, *files: str) -> None:
    """Run one of the comparisons."""
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    if what == "kmeans":
        kmeans()
        return
    if what == "cohort":
        cohort(Path(files[0]), *files[1:])
        return
    with TemporaryDirectory() as folder:
        path = Path(files[0]) if files else fine_patient(Path(folder))
        {"scan": scan, "readers": readers, "once": prepare}[what](path)


if __name__ == "__main__":
    main(*sys.argv[1:])
