"""Prediction of a test set from nothing but a model file."""

import h5py
import numpy as np
import pytest
import torch

from srnet.core.errors import SrnetError
from srnet.dataset.tensors import load_samples
from srnet.train.checkpoint import ModelCard, load_model, save_model
from srnet.train.predict import predict


@pytest.fixture
def make_model(make_run, tmp_path):
    from srnet.nets.registry import build_net

    def make(size=32, source_mm=541.0):
        run = make_run(net={"physics": "mlem"})
        card = ModelCard(run.net, run.settings, size, 1, "code", {}, 2, source_mm)
        path = tmp_path / "model.safetensors"
        torch.manual_seed(0)
        save_model(path, build_net(card.net, size).state_dict(), card)
        return path

    return make


def test_predictions_are_those_of_the_network(make_model, sets, tmp_path):
    model, written = make_model(), tmp_path / "srnet3d_dc.h5"
    predict(model, sets[1], written, threads=1)
    samples = load_samples(sets[1], gamma=False)
    with h5py.File(written) as file, torch.inference_mode():
        assert file.attrs["row"] == b"srnet3d_dc"
        assert tuple(file["scan"].asstr()[:]) == samples.scans
        second = load_model(model).net(samples.batch(torch.tensor([1])).views)
        np.testing.assert_allclose(file["ct"][1], second[0, 0], rtol=1e-4, atol=1e-6)
    again = tmp_path / "again" / "srnet3d_dc.h5"
    predict(model, sets[1], again, threads=1)
    assert again.read_bytes() == written.read_bytes()


def test_a_model_of_another_size_or_geometry_is_refused(make_model, sets, tmp_path):
    with pytest.raises(SrnetError, match="trained at 64"):
        predict(make_model(size=64), sets[1], tmp_path / "x.h5", threads=1)
    with pytest.raises(SrnetError, match=r"at 541 mm.*at 700 mm"):
        predict(make_model(source_mm=700.0), sets[1], tmp_path / "x.h5", threads=1)
