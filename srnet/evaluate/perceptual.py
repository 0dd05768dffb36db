"""LPIPS of volumes, with the trained AlexNet features that define it.

The `lpips` package brings the linear heads; the features of the backbone come
from a file. Their digest is checked, since a backbone of other weights, such as
random ones, gives plausible numbers that are not LPIPS.
"""

import hashlib
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srnet.core.errors import SrnetError

FEATURES_SHA256 = "44534cd66e37ce9a6258bb5e845ef8cd47c33aa68024441c7e616d63c0c1c41a"
"""Digest of the convolutions of torchvision's AlexNet, see `features_digest`."""

_BATCH = 32

SHORTEST = 31
"""Pixels along an edge below which AlexNet's strides leave nothing of an image."""


class Perceptual:
    """LPIPS, version 0.1, on AlexNet.

    Parameters
    ----------
    weights
        File of the backbone's features; see `read_features`.
    """

    def __init__(self, weights: str | Path) -> None:
        features = read_features(weights)
        repair_torchvision()
        import lpips

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torchvision, on arguments that lpips passes
            # A random backbone, so that nothing is downloaded; its weights are replaced below.
            self._net: Any = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
        backbone = self._net.net
        # What the package calls slice2.3.weight is features.3.weight in torchvision.
        names = {name: f"features.{name.split('.', 1)[1]}" for name in backbone.state_dict()}
        backbone.load_state_dict({name: features[there] for name, there in names.items()})
        self._net.eval()

    def images(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the distances (N,) of image pairs (N, 3, H, W) in [-1, 1]."""
        starts = range(0, len(first), _BATCH)
        with torch.inference_mode(), _one_thread():
            parts = [self._net(first[i : i + _BATCH], second[i : i + _BATCH]) for i in starts]
            return torch.cat(parts).flatten()

    def volumes(self, target: NDArray[np.float32], prediction: NDArray[np.float32]) -> float:
        """Return the mean distance over the slices of three axes, 0 for identical volumes.

        Parameters
        ----------
        target, prediction
            Network values (D, H, W); the prediction is clipped to [0, 1].

        Raises
        ------
        SrnetError
            If an edge is too short for the backbone.
        """
        if min(target.shape) < SHORTEST:
            raise SrnetError(
                f"shape {target.shape}: LPIPS needs {SHORTEST} voxels or more along every edge"
            )
        prediction = np.clip(prediction, 0, 1)
        axes = [self._axis(target, prediction, axis) for axis in range(3)]
        return float(np.mean(axes))

    def _axis(
        self, target: NDArray[np.float32], prediction: NDArray[np.float32], axis: int
    ) -> float:
        """Return the mean distance of the slices across one axis."""
        stacks = [np.moveaxis(volume, axis, 0) for volume in (target, prediction)]
        # The distance of identical slices, as of empty ones, is 0: not worth a pass.
        differs = (stacks[0] != stacks[1]).any(axis=(1, 2))
        if not differs.any():
            return 0.0
        first, second = (_as_images(stack[differs]) for stack in stacks)
        return float(self.images(first, second).double().sum()) / len(differs)


def read_features(path: str | Path) -> dict[str, Tensor]:
    """Read the convolutions of AlexNet and check that they are the trained ones.

    Parameters
    ----------
    path
        torchvision's state dictionary (`.pth`), or an `.npz` of arrays under
        the same names, `features.0.weight` to `features.10.bias`.

    Raises
    ------
    SrnetError
        If there is no such file, it cannot be read, or it holds other weights.
    """
    path = Path(path)
    if not path.is_file():
        raise SrnetError(
            f"evaluate.lpips_weights: there is no file {path}; "
            "give one, or 'fetch', or leave it out"
        )
    try:
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                loaded = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as failure:  # torch and numpy raise anything on damaged files.
        raise SrnetError(
            f"{path}: cannot be read as weights ({failure}); fetch it again"
        ) from None
    features = {name: value for name, value in loaded.items() if name.startswith("features.")}
    digest = features_digest(features)
    if digest != FEATURES_SHA256:
        raise SrnetError(
            f"{path}: holds features with digest {digest[:16]}..., not torchvision's AlexNet "
            f"({FEATURES_SHA256[:16]}...); distances of these are not LPIPS"
        )
    return features


def features_digest(features: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 over names, sorted, and values as little-endian float32."""
    digest = hashlib.sha256()
    for name in sorted(features):
        digest.update(name.encode())
        digest.update(features[name].numpy().astype("<f4").tobytes())
    return digest.hexdigest()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sum in one order, whatever the number of cores: scores are the same to the byte."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _as_images(stack: NDArray[np.float32]) -> Tensor:
    """Return slices in [0, 1] as images (N, 3, H, W) in [-1, 1]."""
    grey = torch.from_numpy(np.ascontiguousarray(stack, dtype=np.float32))
    return (2 * grey - 1)[:, None].expand(-1, 3, -1, -1)


def repair_torchvision() -> None:
    """Make `torchvision` importable beside a torch without CUDA too.

    Its wheel registers operators from a library that needs CUDA, and its import
    fails where `nms` is missing. No backbone calls it: declaring it is enough.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in ("nms", "qnms"):
            _DECLARED.define(f"{operator}(Tensor dets, Tensor scores, float threshold) -> Tensor")


_LIBRARY: Callable[..., Any] = torch.library.Library
_DECLARED = _LIBRARY("torchvision", "FRAGMENT")
"""Kept alive: operators vanish with the library object that declared them."""
