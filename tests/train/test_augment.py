"""Augmentation: off by default, sized as asked, consistent between image and integral."""

import pytest
import torch

from srnet.config.train import AugmentSettings
from srnet.physics.views import Views
from srnet.train.trainer import augment


@pytest.fixture
def views():
    image = torch.rand((64, 2, 16, 16), generator=torch.Generator().manual_seed(1))
    image = 0.25 + 0.5 * image
    return Views(image, 40 * image, torch.ones(64, 3), torch.ones(64))


def test_nothing_changes_by_default(views):
    same = augment(views, AugmentSettings())
    assert all(torch.equal(old, new) for old, new in zip(views, same, strict=True))


def test_gain_scales_the_integrals_of_each_view_alone(views):
    torch.manual_seed(0)
    scaled = augment(views, AugmentSettings(gain=0.1))
    assert torch.equal(scaled.image, views.image)
    ratio = scaled.integral / views.integral
    torch.testing.assert_close(ratio, ratio[:, :, :1, :1].expand_as(ratio))
    assert ratio[:, :, 0, 0].log().std().item() == pytest.approx(0.1, rel=0.25)
    assert not torch.allclose(ratio[:, 0], ratio[:, 1])


def test_noise_is_relative_to_the_maximum_and_never_negative(views):
    torch.manual_seed(0)
    noisy = augment(views, AugmentSettings(noise=0.02))
    assert (noisy.image - views.image).std().item() == pytest.approx(0.02, rel=0.05)
    white = views.integral.amax((2, 3), keepdim=True)
    relative = (noisy.integral - views.integral) / white
    assert relative.std().item() == pytest.approx(0.02, rel=0.05)
    dark = augment(views._replace(integral=0 * views.integral + 1e-6), AugmentSettings(noise=1.0))
    assert dark.integral.min() >= 0
