"""The conditional 3-D PatchGAN discriminator (right of Fig. 1, eq. 13)."""

import torch
from torch import Tensor, nn

from srnet.nets.layers import InstanceNorm3d, repeat_views, scaled, to_channels_last

_CHANNELS = (64, 128, 256, 512)
_STRIDES = (2, 2, 2, 1)


class Discriminator(nn.Module):
    """Score overlapping patches of a volume, given both x-rays.

    The x-rays are repeated along their viewing axes and are channels beside the volume.
    `width` is the channels as a fraction of the published.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for channels, stride in zip(_CHANNELS, _STRIDES, strict=True):
            first, outputs = not layers, scaled(channels, width)
            layers.append(nn.Conv3d(inputs, outputs, 4, stride=stride, padding=2, bias=first))
            if not first:
                layers.append(InstanceNorm3d(outputs))
            layers.append(nn.LeakyReLU(0.2))
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.head = nn.Conv3d(inputs, 1, 4, padding=2)
        # A score sums thousands of normalised values. Without this factor a single step of
        # the paper's SGD changes it by dozens, and training diverges within twenty steps.
        self.scale = self.head.weight[0].numel() ** -0.5
        to_channels_last(self)

    def forward(self, image: Tensor, volume: Tensor) -> Tensor:
        """Return a map of scores: near 1 for patches of a target, near 0 for a prediction's.

        Parameters
        ----------
        image
            (N, 2, S, S) AP and lateral x-ray in [0, 1].
        volume
            (N, 1, S, S, S) network values.

        Returns
        -------
        Tensor
            (N, 1, M, M, M), with M = 19 for S = 128.
        """
        features = self.layers(torch.cat([repeat_views(image), volume], dim=1))
        scores: Tensor = self.head(self.scale * features)
        return scores
