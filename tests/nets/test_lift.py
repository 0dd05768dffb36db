import torch

from srnet.nets.trunk import BottomLift, SkipLift, volume_channels


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
