"""SRTE, the texture encoding of 3DSRNet (Fig. 4, eqs 3 to 6), after reference [49].

A map's similarity to its own mean is quantised into levels; how often levels occur, alone
and beside each other, describes its texture. One branch counts levels over the whole map,
the other counts neighbouring pairs in regions of several sizes. Where the published
modules use batch normalisation, these use the statistics of one sample, as the trunk does:
the statistics of the two views that share a module differ, and those of batches of two do
not carry over to evaluation.

Two readings of where the texture is read and written are implemented. Fig. 4 merges "the
second to fourth layers of the encoder", the text "the first three layers"; both mean three
dense stages if the stem counts as the first layer (`TextSrte`). The authors' later release
reads the stem alone (`StemSrte`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, cosine_similarity, interpolate, relu

from srnet.nets.layers import scaled
from srnet.nets.trunk import Refinement, pass_through

_CHANNELS = 256
_STATISTICS = 128
_HIDDEN = 64
_LEVELS = 128
_PAIR_LEVELS = 8
_REGIONS = (1, 2, 4, 8)
_EPSILON = 1e-6
_MERGED = slice(1, 4)
"""The dense stages that `TextSrte` merges, among the maps with a skip."""


def encode_levels(similarity: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Quantise similarities into levels, eqs 4 and 5.

    Levels are the centres of `count` equal bins between minimum and maximum (eq. 4 as
    printed would put the last level on the maximum). A pixel is encoded in the levels
    that are nearer than the width of a bin, at most two.

    Parameters
    ----------
    similarity
        (N, pixels) values.
    count
        Number of levels.

    Returns
    -------
    levels
        (N, count), all equal if all similarities of a sample are.
    encoding
        (N, count, pixels), 1 - |level - similarity| or 0.
    """
    lowest, highest = similarity.aminmax(dim=1, keepdim=True)
    bin_width = (highest - lowest) / count
    centres = torch.arange(count, device=similarity.device) + 0.5
    levels = lowest + centres * bin_width
    distance = (levels[:, :, None] - similarity[:, None, :]).abs()
    near = distance < bin_width[:, :, None]
    return levels, torch.where(near, 1 - distance, torch.zeros_like(distance))


def cooccurrence(encoding: Tensor) -> Tensor:
    """Return how often level m stands one pixel above and left of level n.

    Parameters
    ----------
    encoding
        (N, levels, rows, columns) as `encode_levels` returns it.

    Returns
    -------
    Tensor
        (N, levels, levels) shares; zeros for maps of one row or column, which have no pairs.
    """
    counts = torch.einsum("nmij,nlij->nml", encoding[:, :, :-1, :-1], encoding[:, :, 1:, 1:])
    return counts / (counts.sum(dim=(1, 2), keepdim=True) + _EPSILON)


def _counted(inputs: int, width: float) -> nn.Sequential:
    """Return the layers that describe each count of levels."""
    statistics, hidden = scaled(_STATISTICS, width), scaled(_HIDDEN, width)
    return nn.Sequential(
        nn.Conv1d(inputs, hidden, 1),
        nn.LeakyReLU(0.01),
        nn.Conv1d(hidden, statistics, 1),
        nn.ReLU(),
    )


class _LevelBranch(nn.Module):
    """Count levels over the map, apply attention among them, and map them back to pixels."""

    def __init__(self, channels: int, width: float) -> None:
        super().__init__()
        statistics = scaled(_STATISTICS, width)
        self.similar = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.InstanceNorm2d(channels, affine=True),
            nn.LeakyReLU(0.01),
            nn.Conv2d(channels, statistics, 1),
        )
        self.counted = _counted(2, width)
        self.joined = nn.Sequential(
            nn.Conv1d(2 * statistics, statistics, 1), nn.GroupNorm(1, statistics), nn.ReLU()
        )
        self.query, self.key, self.value = (nn.Conv1d(statistics, statistics, 1) for _ in range(3))
        self.out = nn.Sequential(
            nn.Conv1d(statistics, channels, 1), nn.GroupNorm(1, channels), nn.ReLU()
        )

    def forward(self, feature: Tensor) -> Tensor:
        node, encoding = self._statistics(feature)
        scores = self.key(node).transpose(1, 2) @ self.query(node)
        attended = self.value(node) @ scores.softmax(dim=-1).transpose(1, 2)
        pixels: Tensor = self.out(attended) @ encoding
        return pixels.view(*pixels.shape[:2], *feature.shape[2:])

    def _statistics(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, C, levels) statistics and the (N, levels, pixels) encoding of a map."""
        similar = self.similar(feature)
        mean = similar.mean(dim=(2, 3), keepdim=True)
        similarity = cosine_similarity(mean, similar, dim=1).flatten(1)
        levels, encoding = encode_levels(similarity, _LEVELS)
        counts = encoding.sum(dim=2)
        counts = counts / (counts.sum(dim=1, keepdim=True) + _EPSILON)
        described = self.counted(torch.stack([levels, counts], dim=1))
        tiled = mean.flatten(2).expand(-1, -1, _LEVELS)
        return self.joined(torch.cat([described, tiled], dim=1)), encoding


class _PairBranch(nn.Module):
    """Describe the co-occurrence of levels in `regions` x `regions` parts of the map."""

    def __init__(self, channels: int, regions: int, width: float) -> None:
        super().__init__()
        statistics = scaled(_STATISTICS, width)
        self.regions = regions
        self.counted = _counted(3, width)
        self.joined = nn.Sequential(
            nn.Conv1d(statistics + channels, statistics, 1),
            nn.GroupNorm(1, statistics),
            nn.ReLU(),
            nn.Conv1d(statistics, statistics, 1),
            nn.GroupNorm(1, statistics),
        )

    def forward(self, feature: Tensor) -> Tensor:
        """Return (N, C, rows, columns), equal within a region up to interpolation."""
        parts = _regions(feature, self.regions)
        mean = parts.mean(dim=(2, 3), keepdim=True)
        similarity = cosine_similarity(mean, parts, dim=1)
        levels, encoding = encode_levels(similarity.flatten(1), _PAIR_LEVELS)
        pairs = cooccurrence(encoding.view(-1, _PAIR_LEVELS, *similarity.shape[1:]))
        above = levels[:, :, None].expand_as(pairs)
        beside = levels[:, None, :].expand_as(pairs)
        described = self.counted(torch.stack([above, beside, pairs], dim=1).flatten(2))
        tiled = mean.flatten(2).expand(-1, -1, described.shape[2])
        statistics = self.joined(torch.cat([described, tiled], dim=1)).mean(dim=2)
        grid = statistics.view(len(feature), self.regions, self.regions, -1).permute(0, 3, 1, 2)
        return interpolate(grid, feature.shape[2:], mode="bilinear", align_corners=True)


def _regions(feature: Tensor, count: int) -> Tensor:
    """Return the count^2 square parts of a map (N, C, E, E) as one batch, row by row."""
    batch, channels, edge, _ = feature.shape
    part = edge // count
    parts = feature.reshape(batch, channels, count, part, count, part)
    return parts.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels, part, part)


class Texture(nn.Module):
    """A map together with two descriptions of its texture, 3 x 256 channels as published.

    `channels` and `edge` are those of the map; regions of a single pixel are left out.
    """

    def __init__(self, channels: int, edge: int, width: float) -> None:
        super().__init__()
        inner, statistics = scaled(_CHANNELS, width), scaled(_STATISTICS, width)
        self.channels = 3 * inner
        self.enter = nn.Sequential(
            nn.Conv2d(channels, inner, 1), nn.InstanceNorm2d(inner, affine=True), nn.ReLU()
        )
        self.levels = _LevelBranch(inner, width)
        self.reduce = nn.Conv2d(2 * inner, inner, 1)
        regions = [count for count in _REGIONS if edge // count >= 2]
        self.pairs = nn.ModuleList(_PairBranch(inner, count, width) for count in regions)
        self.leave = nn.Sequential(
            nn.Conv2d(len(regions) * statistics, inner, 1), nn.InstanceNorm2d(inner, affine=True)
        )

    def forward(self, feature: Tensor) -> Tensor:
        """Return (N, `channels`, E, E) for a map (N, C, E, E)."""
        entered = self.enter(feature)
        both = torch.cat([entered, self.levels(entered)], dim=1)
        reduced = self.reduce(both)
        pairs = torch.cat([branch(reduced) for branch in self.pairs], dim=1)
        return torch.cat([both, relu(self.leave(pairs))], dim=1)


class TextSrte(Refinement):
    """Concatenate each of three maps with the texture of all three (eq. 6) before the lift.

    `channels` and `edges` are those of the skip maps, finest (the stem) first. Networks of
    a small size have fewer than three dense stages with a skip and use all of them.
    """

    def __init__(self, channels: Sequence[int], edges: Sequence[int], width: float) -> None:
        super().__init__()
        read = channels[_MERGED]
        self.edge = min(edges[_MERGED])
        self.texture = Texture(sum(read), self.edge, width)
        joins = [nn.Conv2d(count + self.texture.channels, count, 1) for count in read]
        for join in joins:
            pass_through(join)
        self.join = nn.ModuleList(joins)

    def skipped(self, features: list[Tensor], encoded: list[Tensor]) -> list[Tensor]:
        """Return the maps, those of the three stages joined with their common texture."""
        merged = [adaptive_avg_pool2d(each, self.edge) for each in encoded[_MERGED]]
        texture = self.texture(torch.cat(merged, dim=1))
        joined = list(features)
        joined[_MERGED] = [
            join(torch.cat([feature, interpolate(texture, feature.shape[2:], mode="bilinear")], 1))
            for join, feature in zip(self.join, features[_MERGED], strict=True)
        ]
        return joined


class StemSrte(Refinement):
    """Join the stem's map, the first of the skip maps, with its own texture."""

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
