"""The conditional 3-D PatchGAN discriminator (right of Fig. 1, eq. 13)."""

import torch
from torch import Tensor, nn

from srnet.nets.body import scaled
from srnet.nets.layers import InstanceNorm3d, to_channels_last

_CHANNELS = (64, 128, 256, 512)
_STRIDES = (2, 2, 2, 1)


class Discriminator(nn.Module):
    """Judge overlapping patches of a volume, given both x-rays.

    The x-rays are repeated along their viewing axes and stand as channels
    beside the volume.

    Parameters
    ----------
    width
        Channels as a fraction of the published.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for index, (channels, stride) in enumerate(zip(_CHANNELS, _STRIDES, strict=True)):
            outputs = scaled(channels, width)
            first = index == 0
            layers.append(nn.Conv3d(inputs, outputs, 4, stride=stride, padding=2, bias=first))
            if not first:
                layers.append(InstanceNorm3d(outputs))
            layers.append(nn.LeakyReLU(0.2))
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.head = nn.Conv3d(inputs, 1, 4, padding=2)
        # A score is a sum over thousands of normalised values, which one step of the paper's
        # SGD would move by dozens: the training diverges within twenty steps.
        self.scale = self.head.weight[0].numel() ** -0.5
        to_channels_last(self)

    def forward(self, image: Tensor, volume: Tensor) -> Tensor:
        """Return a map of scores, near 1 where the volume looks real, near 0 where made.

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
        frontal = image[:, 0, :, None, :].unsqueeze(1).expand_as(volume)
        lateral = image[:, 1, :, :, None].unsqueeze(1).expand_as(volume)
        features = self.layers(torch.cat([frontal, lateral, volume], dim=1))
        scores: Tensor = self.head(self.scale * features)
        return scores
