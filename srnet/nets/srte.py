"""Where the texture encoding of SRTE reads and writes: two readings of Fig. 4.

Fig. 4 merges "the second to fourth layers of the encoder", the text "the first
three layers". They agree if the stem is the first layer: three dense stages.
The authors' later release reads the stem alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from srnet.nets.refinement import Refinement, pass_through
from srnet.nets.texture import Texture

__all__ = ["StemSrte", "TextSrte"]

_LAYERS = slice(1, 4)


class TextSrte(Refinement):
    """Texture of three merged maps, concatenated with each of them (eq. 6) before the lift.

    Parameters
    ----------
    channels, edges
        Channels and edges of the skip maps, finest (the stem) first. Small
        networks have fewer than three dense stages with a skip; all are read.
    width
        Channels of the texture as a fraction of the published.
    """

    def __init__(self, channels: Sequence[int], edges: Sequence[int], width: float) -> None:
        super().__init__()
        read = channels[_LAYERS]
        self.edge = min(edges[_LAYERS])
        self.texture = Texture(sum(read), self.edge, width)
        joins = [nn.Conv2d(count + self.texture.channels, count, 1) for count in read]
        for join in joins:
            pass_through(join)
        self.join = nn.ModuleList(joins)

    def skipped(self, features: list[Tensor], encoded: list[Tensor]) -> list[Tensor]:
        """Return the maps, those of the three stages joined with their common texture."""
        merged = [adaptive_avg_pool2d(each, self.edge) for each in encoded[_LAYERS]]
        texture = self.texture(torch.cat(merged, dim=1))
        joined = list(features)
        joined[_LAYERS] = [
            join(torch.cat([feature, interpolate(texture, feature.shape[2:], mode="bilinear")], 1))
            for join, feature in zip(self.join, features[_LAYERS], strict=True)
        ]
        return joined


class StemSrte(Refinement):
    """Texture of the stem's map, which replaces that map for all later layers.

    Parameters
    ----------
    channels, edges
        Channels and edges of the skip maps, finest (the stem) first.
    width
        Channels of the texture as a fraction of the published.
    """

    def __init__(self, channels: Sequence[int], edges: Sequence[int], width: float) -> None:
        super().__init__()
        self.texture = Texture(channels[0], edges[0], width)
        self.join = nn.Conv2d(self.texture.channels + channels[0], channels[0], 1)
        pass_through(self.join, first=self.texture.channels)

    def encoded(self, level: int, feature: Tensor) -> Tensor:
        """Return the stem's map joined with its texture; other maps as they are."""
        if level > 0:
            return feature
        joined: Tensor = self.join(torch.cat([self.texture(feature), feature], dim=1))
        return joined
