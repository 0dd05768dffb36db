"""Deformable attention against its definition, and what it changes."""

import itertools
from math import floor

import pytest
import torch

from srnet.nets.srct_deformable import DeformableAttention, DeformableSrct, _place

SHAPES = ((3, 4, 5), (2, 3, 2))
CHANNELS = 8
HEADS = 4
POINTS = 2


def naive_sample(volume, where):
    """Trilinear value of (C, D, H, W) at fractions (x, y, z) of its extent, zero outside."""
    position = [
        float(part) * edge - 0.5
        for part, edge in zip(where.flip(0), volume.shape[1:], strict=True)
    ]
    total = torch.zeros(volume.shape[0], dtype=volume.dtype)
    corners = [(floor(place), floor(place) + 1) for place in position]
    for index in itertools.product(*corners):
        if all(0 <= i < edge for i, edge in zip(index, volume.shape[1:], strict=True)):
            weight = 1.0
            for i, place in zip(index, position, strict=True):
                weight *= 1 - abs(i - place)
            total += weight * volume[:, index[0], index[1], index[2]]
    return total


def naive_attention(layer, query, tokens, place):
    """The definition, one token, head, level and point at a time."""
    lengths = [d * h * w for d, h, w in place.shapes]
    values = layer.value(tokens).split(lengths, dim=1)
    out = torch.zeros_like(tokens)
    per_head = CHANNELS // HEADS
    for n, t in itertools.product(range(tokens.shape[0]), range(tokens.shape[1])):
        offsets = layer.offsets(query[n, t]).view(HEADS, len(SHAPES), POINTS, 3)
        weights = layer.weights(query[n, t]).view(HEADS, -1).softmax(-1)
        weights = weights.view(HEADS, len(SHAPES), POINTS)
        for head in range(HEADS):
            part = slice(head * per_head, (head + 1) * per_head)
            for level, shape in enumerate(place.shapes):
                volume = values[level][n, :, part].T.reshape(per_head, *shape)
                extent = torch.tensor(shape[::-1], dtype=tokens.dtype)
                for point in range(POINTS):
                    where = place.centres[t] + offsets[head, level, point] / extent
                    sample = naive_sample(volume, where)
                    out[n, t, part] += weights[head, level, point] * sample
    return layer.out(out)


def test_attention_equals_its_definition():
    torch.manual_seed(0)
    volumes = [torch.rand(2, CHANNELS, *shape, dtype=torch.float64) for shape in SHAPES]
    place = _place(volumes)
    place = place._replace(centres=place.centres.double())
    layer = DeformableAttention(CHANNELS, len(SHAPES)).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    tokens = torch.cat([volume.flatten(2) for volume in volumes], 2).transpose(1, 2)
    query = torch.rand_like(tokens)
    with torch.no_grad():
        expected = naive_attention(layer, query, tokens, place)
        torch.testing.assert_close(layer(query, tokens, place), expected)


def test_heads_start_looking_in_different_directions():
    layer = DeformableAttention(CHANNELS, 3)
    offsets = layer.offsets.bias.view(HEADS, 3, POINTS, 3)
    assert len({tuple(row) for row in offsets[:, 0, 0].sign().tolist()}) == HEADS
    assert torch.equal(offsets[:, :, 1], 2 * offsets[:, :, 0])


def test_a_voxel_sees_beyond_a_convolution():
    """One voxel of the coarsest skip changes distant voxels of the finest joined one."""
    torch.manual_seed(0)
    srct = DeformableSrct(width=0.125).eval()
    volumes = [
        torch.rand(1, count, edge, edge, edge) for count, edge in ((4, 32), (8, 16), (16, 8))
    ]
    changed = [volume.clone() for volume in volumes]
    changed[2][:, :, 4, 4, 4] += 3
    with torch.no_grad():
        difference = srct.lifted(changed)[0] - srct.lifted(volumes)[0]
    near = difference[0, :, 16:20, 16:20, 16:20].abs().max()
    assert near > 1e-3
    assert difference[0, :, 8, 8, 8].abs().max() > 0


@pytest.mark.parametrize("count", [3, 4, 5])
def test_only_the_three_coarsest_skips_change(count):
    srct = DeformableSrct(width=0.125).eval()
    extra = [torch.rand(1, 2, 64, 64, 64)] * (count - 3)
    coarse = [torch.rand(1, c, edge, edge, edge) for c, edge in ((4, 32), (8, 16), (16, 8))]
    with torch.no_grad():
        out = srct.lifted([*extra, *coarse])
    assert all(a is b for a, b in zip(out, extra, strict=False))
    assert [volume.shape for volume in out[-3:]] == [volume.shape for volume in coarse]
