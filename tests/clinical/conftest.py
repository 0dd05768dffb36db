"""A small model, x-rays of spines that it has not seen, and DICOM files of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from srnet.clinical.export_model import export_model, find_run
from srnet.config.evaluate import EvaluateSettings
from srnet.config.nets import X2ctSettings
from srnet.config.prepare import DrrSettings
from srnet.config.train import TrainSettings
from srnet.dataset.pack_dataset import SampleFiles, pack_dataset
from srnet.dataset.split_cohort import Part, SplitScan, write_split
from srnet.evaluate.evaluate import evaluate, write_scores
from srnet.nets.registry import build_net
from srnet.prepare.project_drr import project_drr
from srnet.train.checkpoint import ModelCard, save_model
from srnet.train.predict import predict
from srnet.volume import Grid, Volume, read_volume, write_volume
from srnet.xray import write_xray

SIZE = 32
DRR = DrrSettings()
PARTS: tuple[Part, ...] = ("train",) * 6 + ("validation", "test", "test")


def make_spine(seed: int) -> Volume:
    """Return the target of a small crooked column with arches, heavier on the left."""
    random = np.random.default_rng(seed)
    down, back, left = np.indices((SIZE, SIZE, SIZE)).astype(float)
    bow = random.uniform(-4, 4) * np.sin(down / SIZE * np.pi)
    sway = random.uniform(-4, 4) * np.sin(down / SIZE * 2 * np.pi)
    body = np.hypot(back - 14 - bow, left - 15.5 - sway) < random.uniform(4, 5.5)
    arch = np.hypot(back - 23 - bow, left - 15.5 - sway) < 2.5
    rib = (np.hypot(back - 17 - bow, down - 9) < 1.8) & (left > 16) & (left < 28)
    values = np.where(body & (down % 6 > 0.5), 1500, 0)
    values = np.where(arch | rib, 2000, values)
    spacing = (4.0, 3.0 + random.uniform(0, 0.2), 3.5)
    return Volume(values.astype(np.int16), Grid.centred((SIZE, SIZE, SIZE), spacing, (0, 0, 0)))


@dataclass(frozen=True)
class SmallRun:
    """A results folder, its exported model, and the x-ray files of its scans."""

    results: Path
    model: Path

    def films(self, scan: str) -> tuple[Path, Path]:
        """Return the AP and the lateral DRR of a scan."""
        return self.results / "drr" / scan / "ap.png", self.results / "drr" / scan / "lateral.png"

    def spacing_mm(self, scan: str) -> tuple[float, float, float]:
        """Return the voxel size of a scan."""
        return read_volume(self.results / "volume" / f"{scan}.nii.gz").grid.spacing_mm


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """Run the pipeline's own stages on synthetic columns, but for the training.

    The network ends in ML-EM updates against the x-rays, so that even untrained
    it returns the back-projected column, and depends on spacing and scale too.
    """
    results = tmp_path_factory.mktemp("run") / "results"
    names = [f"s{number}" for number in range(len(PARTS))]
    files = [_prepare(results, name, seed) for seed, name in enumerate(names)]
    split = [
        SplitScan(name, name, "columns", part) for name, part in zip(names, PARTS, strict=True)
    ]
    write_split(results / "split.tsv", split)
    for part in ("train", "validation", "test"):
        pack_dataset(results / "dataset" / f"{part}.h5", files, split, part, DRR)
    model = results / "models" / "x2ct" / "model.safetensors"
    _save_untrained(model)
    prediction, test = results / "predictions" / "x2ct.h5", results / "dataset" / "test.h5"
    predict(model, test, prediction, threads=1)
    write_scores(results / "scores" / "x2ct.tsv", evaluate(prediction, test, EvaluateSettings()))
    folder = results.parent / "model"
    export_model(find_run(results), folder)
    return SmallRun(results, folder)


def _save_untrained(path: Path) -> None:
    torch.manual_seed(1)
    net = X2ctSettings(width=0.125, physics="mlem")
    card = ModelCard(
        net=net,
        train=TrainSettings(),
        size=SIZE,
        seed=1,
        code="test",
        data={},
        epoch=1,
        source_to_isocentre_mm=DRR.source_to_isocentre_mm,
    )
    save_model(path, build_net(net, SIZE).state_dict(), card)


def _prepare(results: Path, name: str, seed: int) -> SampleFiles:
    volume = make_spine(seed)
    drr = results / "drr" / name
    files = SampleFiles(results / "volume" / f"{name}.nii.gz", drr / "ap.png", drr / "lateral.png")
    write_volume(files.volume, volume)
    for path, xray in zip((files.ap, files.lateral), project_drr(volume, DRR), strict=True):
        write_xray(path, xray)
    return files


DicomWriter = Callable[..., Path]


@pytest.fixture
def write_dicom(tmp_path: Path) -> DicomWriter:
    """Return a function that writes grey values in [0, 1] as a 12-bit radiograph."""

    def write(name: str, grey: np.ndarray, **tags: Any) -> Path:
        from pydicom.dataset import FileDataset, FileMetaDataset
        from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
        meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dicom = FileDataset(str(tmp_path / name), {}, file_meta=meta, preamble=b"\0" * 128)
        levels = np.round(np.clip(grey, 0, 1) * 4095).astype(np.uint16)
        values: dict[str, Any] = {
            "Modality": "DX",
            "PhotometricInterpretation": "MONOCHROME2",
            "PatientID": "P1",
            "StudyInstanceUID": "1.2.3",
            "SOPClassUID": DigitalXRayImageStorageForPresentation,
            "SOPInstanceUID": "1.2.3.4",
            **tags,
        }
        if values["PhotometricInterpretation"] == "MONOCHROME1":
            levels = 4095 - levels
        for key, value in values.items():
            setattr(dicom, key, value)
        dicom.Rows, dicom.Columns = levels.shape
        dicom.SamplesPerPixel, dicom.BitsAllocated, dicom.BitsStored, dicom.HighBit = 1, 16, 12, 11
        dicom.PixelRepresentation = 0
        dicom.PixelData = levels.tobytes()
        dicom.save_as(tmp_path / name, enforce_file_format=True)
        return tmp_path / name

    return write
