"""Where a network built on the trunk of X2CT changes its features."""

from torch import Tensor, nn


def pass_through(join: nn.Conv2d, first: int = 0) -> None:
    """Let a 1 x 1 convolution start by handing on its input channels from `first` on.

    What else it joins enters with weight 0, so that a network starts as its
    trunk and training adds what helps.
    """
    nn.init.zeros_(join.weight)
    if join.bias is not None:
        nn.init.zeros_(join.bias)
    nn.init.eye_(join.weight.data[:, first : first + join.out_channels, 0, 0])


class Refinement(nn.Module):
    """Change the features of one view at three places; this one changes none."""

    def encoded(self, level: int, feature: Tensor) -> Tensor:
        """Return the map of encoder level `level` (0: stem) as all later layers see it."""
        del level
        return feature

    def skipped(self, features: list[Tensor], encoded: list[Tensor]) -> list[Tensor]:
        """Return the maps that are lifted, finest first.

        Parameters
        ----------
        features
            The maps as refined so far.
        encoded
            The maps as the encoder made them, for branches parallel to others.
        """
        del encoded
        return features

    def lifted(self, volumes: list[Tensor]) -> list[Tensor]:
        """Return the lifted skips, finest first, as the decoder joins them."""
        return volumes


class RefinementChain(Refinement):
    """Named refinements, one after the other."""

    def __init__(self, **parts: Refinement) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    @property
    def _parts(self) -> list[Refinement]:
        return [part for part in self.children() if isinstance(part, Refinement)]

    def encoded(self, level: int, feature: Tensor) -> Tensor:
        """Return the map after all parts."""
        for part in self._parts:
            feature = part.encoded(level, feature)
        return feature

    def skipped(self, features: list[Tensor], encoded: list[Tensor]) -> list[Tensor]:
        """Return the maps after all parts."""
        for part in self._parts:
            features = part.skipped(features, encoded)
        return features

    def lifted(self, volumes: list[Tensor]) -> list[Tensor]:
        """Return the volumes after all parts."""
        for part in self._parts:
            volumes = part.lifted(volumes)
        return volumes
