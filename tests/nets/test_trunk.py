"""The encoder of X2CT-GAN, and the lifts from its maps to volumes."""

import pytest
import torch

from srnet.nets.trunk import (
    BASE,
    BottomLift,
    Encoder,
    SkipLift,
    map_sizes,
    skip_channels,
    volume_channels,
)


def test_maps_and_channels_are_the_published_ones():
    assert map_sizes(128) == [128, 64, 32, 16, 8]
    assert skip_channels(128, 1.0) == [64, 128, 256, 512, 512]
    with torch.device("meta"):
        assert Encoder(128, 1.0).pooled_channels == 704


@pytest.mark.parametrize("size", [32, 64, 128])
def test_stages_leave_the_announced_maps(size):
    with torch.device("meta"):
        encoder = Encoder(size, 0.125)
        feature = encoder.stem(torch.empty(1, 1, size, size))
        shapes = [feature.shape]
        for stage in encoder.stages:
            feature = stage(feature)
            shapes.append(feature.shape)
        last = encoder.last(feature)
        pooled = encoder.pool(feature)
    announced = zip(skip_channels(size, 0.125), map_sizes(size), strict=True)
    assert shapes == [(1, channels, edge, edge) for channels, edge in announced]
    assert last.shape[2:] == (BASE, BASE)
    assert pooled.shape == (1, encoder.pooled_channels)


def test_brightness_and_contrast_of_an_image_do_not_matter():
    """Every layer but the stem's reads normalised maps; only the padding sees the offset."""
    torch.manual_seed(0)
    encoder = Encoder(32, 0.25).eval()
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(
            encoder.stem(image), encoder.stem(3 * image + 1), rtol=1e-2, atol=1e-3
        )


def test_channels_are_the_published_ones():
    edges = (4, 8, 16, 32, 64, 128)
    assert [volume_channels(edge, 1.0) for edge in edges] == [256, 128, 64, 32, 16, 16]


def test_a_vector_becomes_the_first_volume():
    torch.manual_seed(0)
    lift = BottomLift(12, 0.125).eval()
    with torch.no_grad():
        volume = lift(torch.rand(3, 12))
    assert volume.shape == (3, 32, 4, 4, 4)
    assert volume.min() >= 0


def test_a_lifted_map_is_the_same_at_every_inner_depth():
    torch.manual_seed(0)
    with torch.no_grad():
        volume = SkipLift(6, 16, 0.25)(torch.rand(2, 6, 16, 16))
    assert volume.shape == (2, 16, 16, 16, 16)
    for depth in range(2, 15):
        assert torch.equal(volume[:, :, depth], volume[:, :, 1])
    assert not torch.allclose(volume[:, :, 0], volume[:, :, 1])
