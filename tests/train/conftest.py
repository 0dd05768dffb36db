"""A small data set of boxes with x-rays made by the package's own projector, and a small run."""

import h5py
import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from srnet.config.nets import Net
from srnet.config.train import TrainSettings
from srnet.physics.projector import projections
from srnet.train.train import TrainingRun

SIZE = 32
SPACING = (3.0, 3.0, 3.0)
SOURCE_MM = 541.0


def pack_boxes(path, samples, seed):
    """Write `samples` volumes, each a column of boxes that leans at random."""
    draw = np.random.default_rng(seed)
    ct = np.zeros((samples, SIZE, SIZE, SIZE), np.int16)
    for volume in ct:
        middle, lean = draw.integers(12, 20, 2), draw.uniform(-0.2, 0.2, 2)
        for row in range(SIZE):
            y, x = (middle + lean * (row - SIZE / 2)).astype(int)
            volume[row, y - 3 : y + 3, x - 4 : x + 4] = 1200 + 400 * (row % 4 > 0)
    spacing = torch.tensor([SPACING] * samples)
    pair = projections(spacing, SIZE, torch.full((samples,), SOURCE_MM))
    integrals = [each.forward(torch.from_numpy(ct).float()).numpy() for each in pair]
    full_scale = np.stack([each.max((1, 2)) for each in integrals], axis=1)
    with h5py.File(path, "w") as file:
        file["ct"] = ct
        for name, integral, white in zip(("ap", "lateral"), integrals, full_scale.T, strict=True):
            file[name] = np.round(65535 * integral / white[:, None, None]).astype(np.uint16)
        file["full_scale_hu_mm"] = full_scale.astype(np.float32)
        file["spacing_mm"] = spacing.double().numpy()
        file["origin_mm"] = np.zeros((samples, 3))
        for name in ("scan", "patient", "source"):
            file.create_dataset(
                name, data=[f"{name}{i}" for i in range(samples)], dtype=h5py.string_dtype()
            )
        file.attrs["size"] = SIZE
        file.attrs["source_to_isocentre_mm"] = SOURCE_MM
        file.attrs["record"] = ""
    return path


@pytest.fixture(scope="session")
def sets(tmp_path_factory):
    """Return the training and the validation file."""
    folder = tmp_path_factory.mktemp("sets")
    return pack_boxes(folder / "train.h5", 5, 0), pack_boxes(folder / "validation.h5", 2, 1)


@pytest.fixture
def make_run():
    """Return a function from changed settings to a small run."""

    def make(net=None, seed=1, **settings):
        values = {"name": "ete", "width": 0.06, **(net or {})}
        return TrainingRun(
            net=TypeAdapter(Net).validate_python(values),
            settings=TrainSettings.parse({"epochs": 2, "validate_every": 1, **settings}),
            size=SIZE,
            seed=seed,
            threads=1,
            code="code",
        )

    return make
