"""Layers that several networks share.

`RepeatedConv3d`, `SlicewiseConv3d` and `InstanceNorm3d` keep the parameters and the
operator of PyTorch's own layers and change only the order of the arithmetic, or the
memory layout, to cost less.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv3d, pad


def scaled(channels: int, width: float, multiple: int = 1) -> int:
    """Return `channels` x `width`, rounded to a positive multiple of `multiple`."""
    return max(1, round(channels * width / multiple)) * multiple


def repeat_views(image: Tensor) -> Tensor:
    """Return (N, 2, S, S, S), each x-ray of (N, 2, S, S) repeated along its viewing axis."""
    size = image.shape[-1]
    frontal = image[:, 0, :, None, :].expand(-1, -1, size, -1)
    lateral = image[:, 1, :, :, None].expand(-1, -1, -1, size)
    return torch.stack([frontal, lateral], dim=1)


class RepeatedConv3d(nn.Conv3d):
    """A 3 x 3 x 3 convolution of a 2-D map that is repeated along the depth.

    All slices but the outermost come out equal, so that only three are computed.

    Parameters
    ----------
    channels
        Input and output channels.
    edge
        How often the map is repeated, at least 3.
    """

    def __init__(self, channels: int, edge: int) -> None:
        super().__init__(channels, channels, 3, padding=1)
        self.edge = edge

    def forward(self, feature: Tensor) -> Tensor:
        """Return (N, C, edge, E, E) for a map (N, C, E, E)."""
        three = feature.unsqueeze(2).expand(-1, -1, 3, -1, -1)
        slices = conv3d(three, self.weight, self.bias, padding=1)
        inner = slices[:, :, 1:2].expand(-1, -1, self.edge - 2, -1, -1)
        return torch.cat([slices[:, :, :1], inner, slices[:, :, 2:]], dim=2)


class SlicewiseConv3d(nn.Conv3d):
    """A 3-D convolution to one channel, as 2-D convolutions that are summed over depth.

    Convolution libraries are slow at a large kernel with a single output channel, so the
    kernel's depth becomes the output channels of a 2-D convolution.

    Parameters
    ----------
    channels
        Input channels.
    kernel
        Edge of the cubic kernel, odd.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__(channels, 1, kernel, padding=kernel // 2)
        self.bias: nn.Parameter

    def forward(self, volume: Tensor) -> Tensor:
        """Return (N, 1, D, H, W) float32 for a volume (N, C, D, H, W)."""
        batch, channels, depth, rows, columns = volume.shape
        kernel = self.kernel_size[0]
        slices = volume.transpose(1, 2).reshape(batch * depth, channels, rows, columns)
        taps = conv2d(
            slices.contiguous(memory_format=torch.channels_last),
            self.weight[0].transpose(0, 1).contiguous(memory_format=torch.channels_last),
            padding=kernel // 2,
        )
        planes = taps.float().reshape(batch, depth, kernel, rows, columns).unbind(dim=2)
        shifted = [
            pad(plane, (0, 0, 0, 0, -shift, shift))
            for shift, plane in enumerate(planes, start=-(kernel // 2))
        ]
        values = torch.stack(shifted).sum(dim=0) + self.bias
        return values.unsqueeze(1)


def to_channels_last(net: nn.Module) -> None:
    """Store the weights of 3-D convolutions in channels-last layout.

    Values stay the same; a training step on a CPU is about twice as fast.
    """
    for parameter in net.parameters():
        if parameter.dim() == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)


class InstanceNorm3d(nn.InstanceNorm3d):
    """Instance normalisation, computed as a batch normalisation of each sample.

    PyTorch's own leaves the channels-last layout, which the next convolution has to
    restore: a convolution with normalisation then takes a third longer on a CPU.
    """

    def forward(self, volume: Tensor) -> Tensor:
        """Return (N, C, D, H, W) with mean 0 and variance 1 over each channel's voxels."""
        samples = [
            torch.batch_norm(
                sample, self.weight, self.bias, None, None, True, 0.0, self.eps, False
            )
            for sample in volume.split(1)  # type: ignore[no-untyped-call]
        ]
        return torch.cat(samples)


def with_norm(convolution: nn.Module, channels: int) -> nn.Sequential:
    """Return a 3-D convolution with instance normalisation and ReLU."""
    return nn.Sequential(convolution, InstanceNorm3d(channels), nn.ReLU())


def conv_norm_relu(inputs: int, outputs: int) -> nn.Sequential:
    """Return a 3 x 3 x 3 convolution with instance normalisation and ReLU."""
    return with_norm(nn.Conv3d(inputs, outputs, 3, padding=1), outputs)
