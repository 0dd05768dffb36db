"""Every network can learn two real scans by heart."""

import pytest
import torch

from srnet.acquire.acquire import acquire, list_scans
from srnet.config.cohort import CohortSettings
from srnet.config.nets import parse_net
from srnet.config.prepare import BoneSettings, DrrSettings, ResampleSettings
from srnet.config.train import TrainSettings
from srnet.dataset.hdf5 import Sample, write_samples
from srnet.dataset.split import SplitScan
from srnet.dataset.tensors import load_samples
from srnet.prepare.project_drr import project_drr
from srnet.prepare.resample_volume import resample_volume
from srnet.prepare.separate_bone import separate_bone
from srnet.train.launch import build_fabric
from srnet.train.trainer import Trainer

SIZE = 64

# Learning rate and the most steps: how fast networks learn by heart differs.
BUDGETS = {
    "psr": (1e-3, 400),
    "sit": (1e-2, 200),
    "x2ct": (1e-3, 250),
    "ete": (1e-2, 250),
    "srnet3d": (1e-3, 250),
}


@pytest.fixture(scope="module")
def scans(srnet_data, tmp_path_factory):
    """Return two real patients, prepared like any other scan."""
    folder = {"kind": "folder", "path": str(srnet_data / "ct"), "limit": 2}
    listed = list_scans(CohortSettings.parse({"sources": [folder]}))
    samples = []
    for scan in listed:
        bone = separate_bone(acquire(scan, seed=1), BoneSettings()).volume
        volume = resample_volume(bone, SIZE, ResampleSettings())
        samples.append(Sample(volume, *project_drr(volume, DrrSettings())))
    rows = [SplitScan(scan.scan_id, scan.patient_id, scan.source, "train") for scan in listed]
    path = tmp_path_factory.mktemp("overfit") / "train.h5"
    write_samples(path, rows, samples, DrrSettings())
    return load_samples(path, gamma=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUDGETS)
def test_the_loss_falls_below_a_tenth_of_all_zero(name, scans):
    learning_rate, steps = BUDGETS[name]
    # An epoch of two scans is one step.
    settings = TrainSettings.parse(
        {"learning_rate": learning_rate, "schedule": "constant", "epochs": steps}
    )
    net = parse_net({"name": name, "width": 0.25})
    torch.set_num_threads(1)
    trainer = Trainer(net, settings, SIZE, 0, build_fabric(settings))
    all_zero = float(scans.batch(torch.arange(2)).target.square().mean())
    shares = []
    for epoch in range(steps):
        (means,) = trainer.epoch(epoch, scans)
        shares.append(means["mse"] / all_zero)
        if shares[-1] < 0.1:
            return
    pytest.fail(f"{name}: {shares[-1]:.3f} of the all-zero loss after {steps} steps")
