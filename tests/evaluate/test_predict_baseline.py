"""What each baseline must do on sets whose answer is known."""

import h5py
import numpy as np
import pytest
import torch

from srnet.config.run import BASELINES
from srnet.core.errors import SrnetError
from srnet.evaluate.predict_baseline import BASELINE_METHODS, predict_baseline
from srnet.physics.projector import projections

SIZE = 16


def pack(path, volumes, source_mm=541.0):
    """Write a packed set of the given stored targets with x-rays of the package's projector."""
    ct = np.stack(volumes).astype(np.int16)
    spacing = torch.full((len(ct), 3), 3.0)
    pair = projections(spacing, SIZE, torch.full((len(ct),), source_mm))
    integrals = [each.forward(torch.from_numpy(ct).float()).numpy() for each in pair]
    with h5py.File(path, "w") as file:
        file["ct"] = ct
        for name, integral in zip(("ap", "lateral"), integrals, strict=True):
            white = integral.max((1, 2), keepdims=True)
            file[name] = np.round(65535 * integral / white).astype(np.uint16)
        whites = [integral.max((1, 2)) for integral in integrals]
        file["full_scale_hu_mm"] = np.stack(whites, 1).astype(np.float32)
        file["spacing_mm"] = spacing.double().numpy()
        names = [f"scan{index}" for index in range(len(ct))]
        file.create_dataset("scan", data=names, dtype=h5py.string_dtype())
        file.attrs["source_to_isocentre_mm"] = source_mm
    return path


def box(rows, depth, columns, value=1250):
    volume = np.zeros((SIZE,) * 3, np.int16)
    volume[slice(*rows), slice(*depth), slice(*columns)] = value
    return volume


BOXES = [
    box((2, 14), (5, 9), (4, 8)),
    box((2, 14), (7, 12), (6, 10)),
    box((4, 12), (6, 10), (9, 13), value=2000),
]


@pytest.fixture
def reconstruct(tmp_path):
    def run(name, train, test, source_mm=541.0):
        made = tmp_path / f"{name}.h5"
        train_set = pack(tmp_path / "train.h5", train, source_mm)
        test_set = pack(tmp_path / "test.h5", test, source_mm)
        predict_baseline(name, train_set, test_set, made)
        with h5py.File(made) as file:
            assert file.attrs["row"] == name
            assert len(file["scan"]) == len(test)
            return file["ct"][:]

    return run


def test_every_row_of_the_tables_has_a_method():
    assert set(BASELINE_METHODS) == set(BASELINES)


def test_all_zero_is_zero(reconstruct):
    assert not reconstruct("all_zero", BOXES[:2], BOXES[2:]).any()


def test_mean_volume_is_the_training_mean_for_every_case(reconstruct):
    made = reconstruct("mean_volume", BOXES[:2], BOXES)
    mean = (BOXES[0].astype(float) + BOXES[1]) / 5000
    for case in made:
        np.testing.assert_allclose(case, mean, atol=1e-6)


def test_nearest_neighbour_finds_a_scan_that_it_knows(reconstruct):
    made = reconstruct("nearest_neighbour", BOXES, BOXES[::-1])
    np.testing.assert_allclose(made * 2500, np.stack(BOXES[::-1]), atol=1e-2)


def test_back_projection_of_a_box_is_the_box_where_rays_are_parallel(reconstruct):
    (made,) = reconstruct("back_projection", BOXES[:1], BOXES[1:2], source_mm=1e7)
    np.testing.assert_allclose(made, BOXES[1] / 2500, atol=2e-3)


def test_ipf_agrees_with_the_x_rays_better_than_its_prior(reconstruct):
    (made,) = reconstruct("ipf", BOXES[:2], BOXES[2:])
    truth = torch.from_numpy(BOXES[2] / 2500).float()[None]
    mean = torch.from_numpy((BOXES[0] + BOXES[1]) / 5000).float()[None]
    for each in projections(torch.full((1, 3), 3.0), SIZE, torch.tensor([541.0])):
        measured = each.forward(truth)
        misfit = (each.forward(torch.from_numpy(made)[None]) - measured).abs().sum()
        assert misfit < 0.05 * measured.sum()
        assert misfit < 0.1 * (each.forward(mean) - measured).abs().sum()


def test_an_unknown_floor_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(SrnetError, match=r"no baseline 'ceiling'; baselines: all_zero"):
        predict_baseline("ceiling", tmp_path / "a", tmp_path / "b", tmp_path / "c")
