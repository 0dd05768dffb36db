"""What each baseline must do on sets whose answer is known."""

import numpy as np
import pytest
import torch

from srnet.config.prepare import DrrSettings
from srnet.core.errors import SrnetError
from srnet.dataset.hdf5 import Sample, read_predictions, write_samples
from srnet.dataset.split import SplitScan
from srnet.evaluate.baselines import BASELINES
from srnet.evaluate.predict_baseline import GENERATORS, predict_baseline
from srnet.imaging.target import TARGET_MAX
from srnet.imaging.volume import Grid, Volume
from srnet.imaging.xray import Xray
from srnet.physics.projector import projections

SIZE = 16


def pack(path, volumes, source_mm=541.0):
    """Write a packed set of the given stored targets with x-rays of the package's projector."""
    ct = np.stack(volumes).astype(np.int16)
    spacing = torch.full((len(ct), 3), 3.0)
    pair = projections(spacing, SIZE, torch.full((len(ct),), source_mm))
    ap, lateral = (each.forward(torch.from_numpy(ct).float()).numpy() for each in pair)
    grid = Grid(ct.shape[1:], (3.0, 3.0, 3.0), (0.0, 0.0, 0.0))
    rows = [SplitScan(f"scan{index}", "patient", "boxes", "test") for index in range(len(ct))]
    samples = (
        Sample(
            Volume(volume, grid), *(Xray(view / view.max(), float(view.max())) for view in views)
        )
        for volume, *views in zip(ct, ap, lateral, strict=True)
    )
    drr = DrrSettings(source_to_isocentre_mm=source_mm)
    write_samples(path, rows, samples, drr)
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
        prediction = tmp_path / f"{name}.h5"
        train_set = pack(tmp_path / "train.h5", train, source_mm)
        test_set = pack(tmp_path / "test.h5", test, source_mm)
        predict_baseline(name, train_set, test_set, prediction)
        predictions = read_predictions(prediction)
        assert predictions.row == name
        assert len(predictions) == len(test)
        return np.stack([predictions.network_volume(index) for index in range(len(test))])

    return run


def test_every_baseline_of_the_tables_has_a_generator():
    assert list(GENERATORS) == list(BASELINES)


def test_all_zero_is_zero(reconstruct):
    assert not reconstruct("all_zero", BOXES[:2], BOXES[2:]).any()


def test_mean_volume_is_the_training_mean_for_every_case(reconstruct):
    prediction = reconstruct("mean_volume", BOXES[:2], BOXES)
    mean = (BOXES[0].astype(float) + BOXES[1]) / (2 * TARGET_MAX)
    for case in prediction:
        np.testing.assert_allclose(case, mean, atol=1e-6)


def test_nearest_neighbour_finds_a_scan_that_it_knows(reconstruct):
    prediction = reconstruct("nearest_neighbour", BOXES, BOXES[::-1])
    np.testing.assert_allclose(prediction * TARGET_MAX, np.stack(BOXES[::-1]), atol=1e-2)


def test_back_projection_of_a_box_is_the_box_where_rays_are_parallel(reconstruct):
    (prediction,) = reconstruct("back_projection", BOXES[:1], BOXES[1:2], source_mm=1e7)
    np.testing.assert_allclose(prediction, BOXES[1] / TARGET_MAX, atol=2e-3)


def test_ipf_agrees_with_the_x_rays_better_than_its_prior(reconstruct):
    (prediction,) = reconstruct("ipf", BOXES[:2], BOXES[2:])
    target = torch.from_numpy(BOXES[2] / TARGET_MAX).float()[None]
    mean = torch.from_numpy((BOXES[0] + BOXES[1]) / (2 * TARGET_MAX)).float()[None]
    for each in projections(torch.full((1, 3), 3.0), SIZE, torch.tensor([541.0])):
        measured = each.forward(target)
        misfit = (each.forward(torch.from_numpy(prediction)[None]) - measured).abs().sum()
        assert misfit < 0.05 * measured.sum()
        assert misfit < 0.1 * (each.forward(mean) - measured).abs().sum()


def test_an_unknown_baseline_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(SrnetError, match=r"no baseline 'ceiling'; baselines: all_zero"):
        predict_baseline("ceiling", tmp_path / "a", tmp_path / "b", tmp_path / "c")
