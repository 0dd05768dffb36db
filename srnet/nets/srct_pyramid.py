"""SRCT as the text and Fig. 3 have it: attention over merged encoder maps (eqs 1 and 2).

The second to fifth encoder layers (the stem is the first, the dense stages with a skip the
others) are pooled to the size of the smallest, merged, passed through basic layers made of
1 x 1 convolutions, normalisations and activations, enlarged, and added to the maps that
are lifted. Both views share the weights.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate, scaled_dot_product_attention

from srnet.nets.layers import scaled
from srnet.nets.trunk import Refinement

_CHANNELS = 256
_LAYERS = 4
_HEADS = 8
_KEY = 16
_VALUE = 32
_MLP_RATIO = 2


def _normalised(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.InstanceNorm2d(outputs, affine=True))


class _Attention(nn.Module):
    """Softmax(Q K^T / sqrt(d)) V over all pixels of a map, eq. 2."""

    def __init__(self, channels: int, key: int, value: int) -> None:
        super().__init__()
        self.query = _normalised(channels, _HEADS * key)
        self.key = _normalised(channels, _HEADS * key)
        self.value = _normalised(channels, _HEADS * value)
        self.out = nn.Sequential(nn.ReLU6(), _normalised(_HEADS * value, channels))

    def forward(self, feature: Tensor) -> Tensor:
        batch, _, rows, columns = feature.shape
        query, key, value = (
            layer(feature).view(batch, _HEADS, -1, rows * columns).transpose(2, 3)
            for layer in (self.query, self.key, self.value)
        )
        mixed = scaled_dot_product_attention(query, key, value)
        result: Tensor = self.out(mixed.transpose(2, 3).reshape(batch, -1, rows, columns))
        return result


def _mlp(channels: int) -> nn.Sequential:
    hidden = _MLP_RATIO * channels
    return nn.Sequential(
        _normalised(channels, hidden),
        nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden),
        nn.ReLU6(),
        _normalised(hidden, channels),
    )


class _BasicLayer(nn.Module):
    """Attention and MLP, each added to its input."""

    def __init__(self, channels: int, width: float) -> None:
        super().__init__()
        self.attention = _Attention(channels, scaled(_KEY, width), scaled(_VALUE, width))
        self.mlp = _mlp(channels)

    def forward(self, feature: Tensor) -> Tensor:
        feature = feature + self.attention(feature)
        result: Tensor = feature + self.mlp(feature)
        return result


class PyramidSrct(Refinement):
    """Add what all pixels of all merged maps say together to each of the maps.

    `channels` are those of the skip maps, finest (the stem) first.
    """

    def __init__(self, channels: Sequence[int], width: float) -> None:
        super().__init__()
        inner = scaled(_CHANNELS, width)
        self.merge = _normalised(sum(channels[1:]), inner)
        self.layers = nn.Sequential(*(_BasicLayer(inner, width) for _ in range(_LAYERS)))
        self.split = nn.ModuleList(nn.Conv2d(inner, count, 1) for count in channels[1:])
        for parameter in self.split.parameters():
            nn.init.zeros_(parameter)  # The network starts as its trunk: see `pass_through`.

    def skipped(self, features: list[Tensor], encoded: list[Tensor]) -> list[Tensor]:
        """Return the maps with the attention's part added to all but the stem's."""
        size = encoded[-1].shape[-1]
        merged = torch.cat([adaptive_avg_pool2d(each, size) for each in encoded[1:]], dim=1)
        overall = self.layers(self.merge(merged))
        added = [
            feature + interpolate(part(overall), feature.shape[-1], mode="bilinear")
            for part, feature in zip(self.split, features[1:], strict=True)
        ]
        return [features[0], *added]
