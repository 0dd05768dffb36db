"""A packed data set as tensors."""

import h5py
import numpy as np
import torch

from srnet.dataset.tensors import epoch_order, load_samples


def test_values_are_those_of_the_file(sets):
    samples = load_samples(sets[0], gamma=False)
    batch = samples.batch(torch.tensor([3, 1]))
    with h5py.File(sets[0]) as file:
        np.testing.assert_allclose(batch.target[0, 0] * 2500, file["ct"][3], rtol=1e-6)
        np.testing.assert_allclose(batch.views.image[1, 1] * 65535, file["lateral"][1], rtol=1e-6)
        white = file["full_scale_hu_mm"][3, 0] / 2500
        assert np.isclose(batch.views.integral[0, 0].max(), white)
        assert batch.views.source_mm[0] == file.attrs["source_to_isocentre_mm"]
        assert samples.scans[0] == file["scan"].asstr()[0]


def test_gamma_changes_images_and_not_line_integrals(sets):
    plain, corrected = (load_samples(sets[0], gamma).views for gamma in (False, True))
    assert torch.equal(plain.integral, corrected.integral)
    assert corrected.image.mean() < plain.image.mean()


def test_an_epoch_sees_every_sample_and_fills_its_last_step():
    order = epoch_order(7, multiple=4, seed=3)
    assert len(order) == 8
    assert sorted(order[:7].tolist()) == list(range(7))
    assert torch.equal(order, epoch_order(7, 4, 3))
    assert not torch.equal(order, epoch_order(7, 4, 4))
    assert len(epoch_order(2, multiple=8, seed=0)) == 8
