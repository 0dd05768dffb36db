"""SRCT as in the authors' later release: deformable attention over lifted skips.

The volumes of 8, 16 and 32 voxels a side of one view become tokens of one sequence; each
token samples a few points around its own position in every volume (3-D multi-scale
deformable attention). A small residual block joins the result with the lifted skips of the
same view. Both views share the weights.
"""

from math import prod, tau
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from srnet.nets.layers import InstanceNorm3d, scaled
from srnet.nets.trunk import Refinement, volume_channels

_EDGES = (32, 16, 8)
_CHANNELS = 128
_LAYERS = 3
_HEADS = 4
_POINTS = 2
_FFN_RATIO = 4
_DROPOUT = 0.1


class _Place(NamedTuple):
    """The (depth, rows, columns) of several volumes, and the positions of their tokens.

    `centres` is (tokens, 3): voxel centres in [0, 1], columns first, as in `grid_sample`.
    """

    shapes: tuple[tuple[int, int, int], ...]
    centres: Tensor


def _place(volumes: list[Tensor]) -> _Place:
    shapes = tuple((v.shape[2], v.shape[3], v.shape[4]) for v in volumes)
    centres = []
    for shape in shapes:
        axes = [(torch.arange(edge, device=volumes[0].device) + 0.5) / edge for edge in shape]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        centres.append(grid.flip(-1).reshape(-1, 3))
    return _Place(shapes, torch.cat(centres))


class DeformableAttention(nn.Module):
    """Sample two points in each of `levels` volumes for every token and each of four heads.

    `channels`, those of a token, are a multiple of the heads.
    """

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.offsets = nn.Linear(channels, _HEADS * levels * _POINTS * 3)
        self.weights = nn.Linear(channels, _HEADS * levels * _POINTS)
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)
        # The heads start with points in four different directions, weighted equally.
        directions = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
        reach = torch.arange(1, _POINTS + 1)
        bias = directions[:, None, None] * reach[:, None]
        # Not zero: the learned embeddings of the levels act through these weights only.
        nn.init.normal_(self.offsets.weight, std=0.01)
        nn.init.normal_(self.weights.weight, std=0.01)
        nn.init.zeros_(self.weights.bias)
        with torch.no_grad():
            self.offsets.bias.copy_(bias.expand(-1, self.levels, -1, -1).flatten())

    def forward(self, query: Tensor, tokens: Tensor, place: _Place) -> Tensor:
        """Return (N, tokens, C) sums of sampled values.

        `query`, the tokens with their position, decides the offsets and weights; `tokens`,
        (N, tokens, C), are what is sampled, volume after volume, at `place`.
        """
        batch, count, channels = tokens.shape
        form = (batch, count, _HEADS, self.levels, _POINTS)
        offsets = self.offsets(query).view(*form, 3)
        weights = self.weights(query).view(batch, count, _HEADS, -1).softmax(-1).view(form)
        values = self.value(tokens).split([prod(shape) for shape in place.shapes], dim=1)
        total = torch.zeros_like(tokens).view(batch, count, _HEADS, -1).permute(0, 2, 3, 1)
        for level, (shape, value) in enumerate(zip(place.shapes, values, strict=True)):
            # Axis by axis: a tensor of the extents would need a blocking copy to the GPU.
            steps = offsets[:, :, :, level].unbind(-1)
            shares = [step / extent for step, extent in zip(steps, shape[::-1], strict=True)]
            where = place.centres[:, None, None] + torch.stack(shares, dim=-1)
            sampled = _sample(value, shape, where)
            weight = weights[:, :, :, level].permute(0, 2, 1, 3).unsqueeze(2)
            total = total + (sampled * weight).sum(dim=-1)
        result: Tensor = self.out(total.permute(0, 3, 1, 2).reshape(batch, count, channels))
        return result


def _sample(value: Tensor, shape: tuple[int, int, int], where: Tensor) -> Tensor:
    """Return (N, heads, C / heads, tokens, points) trilinear samples, zero outside.

    `value` is (N, voxels, C), `where` (N, tokens, heads, points, 3) in [0, 1], columns first.
    """
    batch, count, heads, points, _ = where.shape
    volume = value.transpose(1, 2).reshape(batch * heads, -1, *shape)
    grid = (2 * where - 1).transpose(1, 2).reshape(batch * heads, count, points, 1, 3)
    sampled = grid_sample(volume.to(grid.dtype), grid, align_corners=False)
    return sampled.view(batch, heads, -1, count, points)


class _Layer(nn.Module):
    """Attention and feed-forward, each added and then normalised."""

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.attention = DeformableAttention(channels, levels)
        self.attention_norm = nn.LayerNorm(channels)
        self.feed_forward = nn.Sequential(
            nn.Linear(channels, _FFN_RATIO * channels),
            nn.GELU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(_FFN_RATIO * channels, channels),
        )
        self.feed_forward_norm = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, tokens: Tensor, position: Tensor, place: _Place) -> Tensor:
        attended = self.attention(tokens + position, tokens, place)
        tokens = self.attention_norm(tokens + self.dropout(attended))
        fed = self.dropout(self.feed_forward(tokens))
        result: Tensor = self.feed_forward_norm(tokens + fed)
        return result


class _Join(nn.Module):
    """Residual block that joins a lifted skip with the transformer's volume."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(channels, channels, 3, padding=1),
            InstanceNorm3d(channels, affine=True),
            nn.ReLU(),
            nn.Conv3d(channels, channels, 1),
            InstanceNorm3d(channels, affine=True),
        )

    def forward(self, skip: Tensor, attended: Tensor) -> Tensor:
        return torch.relu(self.layers(skip + attended) + skip)


class DeformableSrct(Refinement):
    """Join the three coarsest lifted skips of a view with attention over all three."""

    def __init__(self, width: float) -> None:
        super().__init__()
        inner = scaled(_CHANNELS, width, multiple=_HEADS)
        outer = [volume_channels(edge, width) for edge in _EDGES]
        self.embed = nn.ModuleList(_channel_change(count, inner) for count in outer)
        self.level = nn.Parameter(torch.empty(len(_EDGES), inner))
        nn.init.normal_(self.level)
        self.layers = nn.ModuleList(_Layer(inner, len(_EDGES)) for _ in range(_LAYERS))
        self.unembed = nn.ModuleList(_channel_change(inner, count) for count in outer)
        self.join = nn.ModuleList(_Join(count) for count in outer)

    def lifted(self, volumes: list[Tensor]) -> list[Tensor]:
        """Return the skips, finest first, the last three joined with the attention's result."""
        finer, coarse = volumes[: -len(_EDGES)], volumes[-len(_EDGES) :]
        embedded = [layer(volume) for layer, volume in zip(self.embed, coarse, strict=True)]
        results = zip(self.join, self.unembed, coarse, self._attend(embedded), strict=True)
        return [
            *finer,
            *(join(skip, change(attended)) for join, change, skip, attended in results),
        ]

    def _attend(self, volumes: list[Tensor]) -> list[Tensor]:
        """Return the volumes (N, C, D, H, W) after the transformer."""
        place = _place(volumes)
        lengths = [prod(shape) for shape in place.shapes]
        tokens = torch.cat([volume.flatten(2) for volume in volumes], dim=2).transpose(1, 2)
        levels = torch.cat([self.level[i].expand(length, -1) for i, length in enumerate(lengths)])
        position = _sine_position(place.centres, tokens.shape[-1]) + levels
        for layer in self.layers:
            tokens = layer(tokens, position, place)
        parts = torch.split(tokens.transpose(1, 2), lengths, dim=2)
        return [
            part.reshape(*part.shape[:2], *shape)
            for part, shape in zip(parts, place.shapes, strict=True)
        ]


def _channel_change(inputs: int, outputs: int) -> nn.Module:
    return nn.Identity() if inputs == outputs else nn.Conv3d(inputs, outputs, 1)


def _sine_position(centres: Tensor, channels: int) -> Tensor:
    """Return (tokens, channels) sines and cosines of the three coordinates."""
    share = 2 * (channels // 6)
    parts = []
    for axis, length in enumerate((share, share, channels - 2 * share)):
        rates = 1e4 ** (-torch.arange(0, length, 2, device=centres.device) / length)
        phase = tau * centres[:, axis, None] * rates
        parts.append(torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(1))
    return torch.cat(parts, dim=1)
