"""What every network body has in common, and the width of its layers."""

from torch import Tensor, nn


def scaled(channels: int, width: float, multiple: int = 1) -> int:
    """Return `channels` x `width`, rounded to a positive multiple of `multiple`."""
    return max(1, round(channels * width / multiple)) * multiple


class Body(nn.Module):
    """A network without its output activation: two x-rays to one volume.

    Subclasses implement `forward`, from (N, 2, S, S) images in [0, 1] to
    (N, 1, S, S, S) values before the activation, axes craniocaudal,
    anteroposterior, left-right.
    """

    @property
    def final(self) -> nn.Conv2d | nn.Conv3d:
        """Return the convolution that makes the returned values; it has a bias.

        A property, since a module held under two names would be saved twice.
        """
        raise NotImplementedError(f"{type(self).__name__} does not name its last convolution")

    def published(self, image: Tensor) -> object:
        """Run all layers of the published network, also those whose output nothing uses.

        Operations are counted on this path; it differs from `forward` where a
        publication computes by-products.
        """
        return self(image)
