"""X2CT-GAN (Ying et al. 2019), reference [37]; also the trunk of 3DSRNet (Figs 1 and 2).

Every view has an encoder, lifts and a decoder in its own frame. With two views a third
decoder works in the frame of the CT: at every level the mean of the two views' volumes
replaces both and is joined with the third decoder's volume.
"""

from torch import Tensor, nn

from srnet.config.nets import X2ctSettings
from srnet.imaging.geometry import View
from srnet.nets.reconstructor import Body
from srnet.nets.trunk import (
    BottomLift,
    Decoder,
    Encoder,
    Refinement,
    SkipLift,
    map_sizes,
    skip_channels,
)
from srnet.physics.precision import full_precision

_TO_FRAME = tuple(view.to_frame(leading=2) for view in View)
_TO_CT = tuple(view.to_volume(leading=2) for view in View)
"""Orders of axes that turn (N, C, craniocaudal, anteroposterior, left-right) into the frame
(N, C, depth, rows, columns) of each view, and back."""


def build(net: X2ctSettings, size: int) -> Body:
    """Return the body of X2CT-GAN for (N, 2, size, size) x-rays."""
    width = net.width or 1.0
    return X2ctSingleView(size, width) if net.views == 1 else X2ctMultiView(size, width)


class ViewNet(nn.Module):
    """Encoder, lifts and decoder of one view."""

    def __init__(self, size: int, width: float) -> None:
        super().__init__()
        edges = map_sizes(size)
        self.encoder = Encoder(size, width)
        self.bottom = BottomLift(self.encoder.pooled_channels, width)
        self.skips = nn.ModuleList(
            SkipLift(channels, edge, width)
            for channels, edge in zip(skip_channels(size, width), edges, strict=True)
        )
        self.decoder = Decoder(edges[::-1], width, repeats=2)

    def lift(self, image: Tensor, refinement: Refinement) -> tuple[Tensor, list[Tensor]]:
        """Return the base volume and the lifted skips, coarsest first, of a (N, 1, S, S) image.

        The 2-D part always runs in float32: rounding adds up over its many normalised
        layers, and it has few of the operations.
        """
        with full_precision(image.device):
            pooled, maps = self._encode(image.float(), refinement)
        base: Tensor = self.bottom(pooled)
        volumes = [skip(each) for skip, each in zip(self.skips, maps, strict=True)]
        return base, refinement.lifted(volumes)[::-1]

    def _encode(self, image: Tensor, refinement: Refinement) -> tuple[Tensor, list[Tensor]]:
        """Return the pooled vector and the refined maps that are lifted, finest first."""
        feature = refinement.encoded(0, self.encoder.stem(image))
        features = [feature]
        for level, stage in enumerate(self.encoder.stages, start=1):
            feature = refinement.encoded(level, stage(feature))
            features.append(feature)
        return self.encoder.pool(feature), refinement.skipped(features, features)


class X2ctSingleView(Body):
    """One view, the AP x-ray; the lateral one is ignored."""

    last = "frontal.decoder.head"

    def __init__(self, size: int, width: float) -> None:
        super().__init__()
        self.frontal = ViewNet(size, width)
        self.refinement = Refinement()

    def forward(self, image: Tensor) -> Tensor:
        """Return (N, 1, S, S, S) values before the activation."""
        volume, skips = self.frontal.lift(image[:, :1], self.refinement)
        decoder = self.frontal.decoder
        volume = decoder.start(volume)
        for level, skip in zip(decoder.levels, skips, strict=True):
            volume = level(level.joined(volume, skip))
        values: Tensor = decoder.head(volume)
        return values.permute(_TO_CT[0])


class X2ctMultiView(Body):
    """Two views and the decoder that fuses them.

    The published network also completes both views' own volumes, which enter its loss with
    weight 0. These last layers are here, frozen, for the count of parameters and operations,
    and only `published` runs them.
    """

    last = "fusion.head"

    def __init__(self, size: int, width: float, refinement: Refinement | None = None) -> None:
        super().__init__()
        self.frontal = ViewNet(size, width)
        self.lateral = ViewNet(size, width)
        self.fusion = Decoder(map_sizes(size)[::-1], width, repeats=1)
        self.refinement = Refinement() if refinement is None else refinement
        for view in self._views:
            view.decoder.levels[-1].refine.requires_grad_(False)
            view.decoder.head.requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        """Return (N, 1, S, S, S) values before the activation."""
        return self._fuse(image)[0]

    def published(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the fused volume and those of both views, all in the frame of the CT."""
        fused, volumes = self._fuse(image)
        frontal, lateral = (
            view.decoder.head(view.decoder.levels[-1](volume)).permute(to_ct)
            for view, volume, to_ct in zip(self._views, volumes, _TO_CT, strict=True)
        )
        return fused, frontal, lateral

    @property
    def _views(self) -> tuple[ViewNet, ViewNet]:
        return self.frontal, self.lateral

    def _fuse(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the fused values and both views' volumes after the last fusion."""
        (base_0, skips_0), (base_1, skips_1) = (
            view.lift(image[:, i : i + 1], self.refinement) for i, view in enumerate(self._views)
        )
        mean, shared = _share([base_0, base_1])
        growths: list[nn.Module] = [view.decoder.start for view in self._views]
        fused: Tensor = self.fusion.start(mean)
        skips = zip(skips_0, skips_1, strict=True)
        for index, (fusing, pair) in enumerate(zip(self.fusion.levels, skips, strict=True)):
            levels = [view.decoder.levels[index] for view in self._views]
            joined = [
                level.joined(grow(volume), skip)
                for level, grow, volume, skip in zip(levels, growths, shared, pair, strict=True)
            ]
            mean, shared = _share(joined)
            fused = fusing(fusing.joined(fused, mean))
            growths = list(levels)
        values: Tensor = self.fusion.head(fused)
        return values, shared


def _share(volumes: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return the mean of both views' volumes in the CT's frame, and in either view's."""
    frontal, lateral = (
        volume.permute(to_ct) for volume, to_ct in zip(volumes, _TO_CT, strict=True)
    )
    mean = (frontal + lateral) / 2
    return mean, [mean.permute(to_frame) for to_frame in _TO_FRAME]
