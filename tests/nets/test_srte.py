"""The texture encoding by its definitions, eqs 3 to 6."""

import pytest
import torch

from srnet.nets.srte import Texture, _regions, cooccurrence, encode_levels


def test_levels_are_bin_centres():
    similarity = torch.tensor([[-1.0, 0.0, 1.0]])
    levels, _ = encode_levels(similarity, 4)
    torch.testing.assert_close(levels, torch.tensor([[-0.75, -0.25, 0.25, 0.75]]))


@pytest.mark.parametrize("count", [8, 128])
def test_a_pixel_is_encoded_in_its_nearest_levels(count):
    torch.manual_seed(0)
    similarity = torch.rand(3, 200)
    levels, encoding = encode_levels(similarity, count)
    nearest = (levels[:, :, None] - similarity[:, None]).abs()
    assert torch.equal(encoding.argmax(dim=1), nearest.argmin(dim=1))
    used = (encoding > 0).sum(dim=1)
    assert used.min() >= 1
    assert used.max() <= 2
    kept = encoding > 0
    torch.testing.assert_close(encoding[kept], 1 - nearest[kept])


def test_a_map_of_one_value_stays_finite():
    texture = Texture(channels=4, edge=8, width=0.125)
    constant = torch.zeros(2, 4, 8, 8, requires_grad=True)
    prediction = texture(constant)
    prediction.square().sum().backward()
    assert torch.isfinite(prediction).all()
    assert constant.grad is not None
    assert torch.isfinite(constant.grad).all()


def test_pairs_are_counted_along_the_diagonal():
    torch.manual_seed(0)
    encoding = torch.rand(2, 3, 4, 5)
    expected = torch.zeros(2, 3, 3)
    for row in range(3):
        for column in range(4):
            first, second = encoding[:, :, row, column], encoding[:, :, row + 1, column + 1]
            expected += first[:, :, None] * second[:, None, :]
    expected /= expected.sum(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(cooccurrence(encoding), expected, rtol=1e-4, atol=1e-6)


def test_a_region_of_one_pixel_has_no_pairs():
    assert torch.count_nonzero(cooccurrence(torch.rand(2, 3, 1, 1))) == 0


def test_regions_tile_the_map():
    feature = torch.arange(32.0).view(1, 2, 4, 4)
    parts = _regions(feature, 2)
    assert parts.shape == (4, 2, 2, 2)
    assert torch.equal(parts[1], feature[0, :, :2, 2:])
    assert torch.equal(parts[2], feature[0, :, 2:, :2])


def test_texture_does_not_depend_on_brightness_but_on_pattern():
    """Statistics of similarity: a scaled map encodes alike, a reordered one does not."""
    torch.manual_seed(0)
    similarity = torch.rand(1, 64)
    _, encoding = encode_levels(similarity, 8)
    pattern = cooccurrence(encoding.view(1, 8, 8, 8))
    _, shuffled = encode_levels(similarity[:, torch.randperm(64)], 8)
    other = cooccurrence(shuffled.view(1, 8, 8, 8))
    torch.testing.assert_close(encoding.sum(2), shuffled.sum(2))
    assert not torch.allclose(pattern, other)
