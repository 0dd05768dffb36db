"""Attention over merged maps, eq. 2, and what it changes."""

import torch

from srnet.nets.srct_pyramid import PyramidSrct, _Attention


def maps():
    return [
        torch.rand(1, count, edge, edge) for count, edge in ((8, 64), (16, 32), (32, 16), (64, 8))
    ]


def test_attention_is_equation_2():
    torch.manual_seed(0)
    layer = _Attention(channels=8, key=4, value=6)
    feature = torch.rand(1, 8, 5, 5)
    with torch.no_grad():
        query, key, value = (
            part(feature).view(8, -1, 25) for part in (layer.query, layer.key, layer.value)
        )
        scores = torch.einsum("hdi,hdj->hij", query, key) / 4**0.5
        mixed = torch.einsum("hij,hdj->hdi", scores.softmax(-1), value)
        expected = layer.out(mixed.reshape(1, 48, 5, 5))
        torch.testing.assert_close(layer(feature), expected, rtol=1e-4, atol=1e-5)


def trained():
    """Return a module whose last layers have left 0, where they start."""
    srct = PyramidSrct([8, 16, 32, 64], width=0.125)
    for part in srct.split:
        part.reset_parameters()  # type: ignore[operator]
    return srct


def test_all_but_the_stem_are_added_to():
    torch.manual_seed(0)
    features = maps()
    srct = trained()
    with torch.no_grad():
        out = srct.skipped(features, features)
        zeros = srct.skipped([torch.zeros_like(feature) for feature in features], features)
    assert out[0] is features[0]
    for before, after, added in zip(features[1:], out[1:], zeros[1:], strict=True):
        assert after.shape == before.shape
        torch.testing.assert_close(after, before + added, rtol=1e-4, atol=1e-5)


def test_every_pixel_sees_every_other():
    torch.manual_seed(0)
    features = maps()
    features[3].requires_grad_()
    srct = trained()
    srct.skipped(features, features)[1][0, :, 0, 0].sum().backward()
    assert (features[3].grad[0].abs().sum(dim=0) > 0).all()
