"""Time every metric of one pair on one core, beside well-known libraries.

    OMP_NUM_THREADS=1 taskset -c 0 python -m benchmarks.metrics [EDGE [LPIPS_WEIGHTS]]

scikit-image belongs to the environment. torchmetrics and MONAI do not: after
`pip install --no-deps --target DIR torchmetrics lightning-utilities monai`,
with PYTHONPATH=DIR, they are compared too; what is missing is said. Times are
seconds of processor time, the best of three; the ratio is theirs to ours, the
difference ours minus theirs.
"""

import importlib.util
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage import metrics as skimage_metrics

from srnet.config.evaluate import EvaluateSettings
from srnet.evaluate.metrics import CONVENTIONS, ScoredPair, score_pair, slice_ssim, volume_ssim
from srnet.evaluate.perceptual import Perceptual, repair_torchvision
from srnet.evaluate.reprojection import reprojection_error
from srnet.evaluate.similarity import PEAK, psnr3d
from srnet.evaluate.surface import surface_distances
from srnet.imaging.geometry import ConeBeam, View
from srnet.imaging.target import TARGET_MAX
from srnet.imaging.volume import Grid, Volume
from srnet.prepare.project_drr import cast_rays

SPACING_MM = (2.0, 1.5, 1.5)
BEAM = ConeBeam(541.0)
BONE_THRESHOLD = EvaluateSettings().bone_threshold
Array = NDArray[np.float32]


class Rival(NamedTuple):
    """One metric as somebody else computes it, and as we do."""

    name: str
    ours: Callable[[], float]
    theirs: Callable[[], float]


def make_pair(edge: int) -> tuple[Array, Array]:
    """Return sparse bone-like blobs that keep off the border, and a blurred copy."""
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((edge,) * 3), 3)
    border = edge // 8
    inside = np.zeros_like(noise, dtype=bool)
    inside[border:-border, border:-border, border:-border] = True
    bone = inside & (noise > np.quantile(noise, 0.97))
    target = np.where(bone, np.clip(0.5 + 2 * noise, 0, 1), 0).astype(np.float32)
    blurred = ndimage.gaussian_filter(target, 1.2)
    return target, np.where(blurred < 0.02, 0, blurred).astype(np.float32)


def best_of_three(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the least processor time of three calls, in seconds, and the result."""
    times = []
    for _ in range(3):
        start = time.process_time()
        result = call()
        times.append(time.process_time() - start)
    return min(times), result


def score(target: Array, prediction: Array, convention: str) -> dict[str, float]:
    """Return the scores of one pair in a convention, the reprojection error left out."""
    pair = ScoredPair(target, prediction, SPACING_MM, BONE_THRESHOLD)
    return score_pair(pair, CONVENTIONS[convention])


def our_times(target: Array, prediction: Array) -> None:
    """Print the time of each convention and of the sum."""
    grid = Grid((target.shape[0],) * 3, SPACING_MM, (0.0, 0.0, 0.0))
    scaled = Volume(target * np.float32(TARGET_MAX), grid)
    integrals = np.stack([cast_rays(scaled, BEAM, view) for view in View])
    parts: dict[str, Callable[[], Any]] = {
        "paper": lambda: score(target, prediction, "paper"),
        "strict": lambda: score(target, prediction, "strict"),
        "reprojection": lambda: reprojection_error(prediction, integrals, BEAM, SPACING_MM),
    }
    times = {name: best_of_three(call)[0] for name, call in parts.items()}
    for name, seconds in times.items():
        print(f"{name:<28}{seconds:8.2f} s")
    print(f"{'all metrics but LPIPS':<28}{sum(times.values()):8.2f} s\n")


def scikit_image(target: Array, prediction: Array) -> Iterator[Rival]:
    """Yield PSNR and SSIM of scikit-image, the latter in double precision."""
    yield Rival(
        "PSNR3D, scikit-image",
        lambda: psnr3d(target, prediction),
        lambda: skimage_metrics.peak_signal_noise_ratio(
            target, prediction, data_range=PEAK / TARGET_MAX
        ),
    )
    yield Rival(
        "SSIM (slices), scikit-image",
        lambda: sum(slice_ssim(target, prediction, axis) for axis in range(3)) / 3,
        lambda: sum(_slice_by_slice(target, prediction, axis) for axis in range(3)) / 3,
    )


def _slice_by_slice(target: Array, prediction: Array, axis: int) -> float:
    pairs = zip(np.moveaxis(target, axis, 0), np.moveaxis(prediction, axis, 0), strict=True)
    similarity: Any = skimage_metrics.structural_similarity
    return float(np.mean([similarity(a, b, data_range=1.0) for a, b in pairs]))


def torchmetrics(target: Array, prediction: Array) -> Iterator[Rival]:
    """Yield the 3-D SSIM of torchmetrics."""
    repair_torchvision()
    from torchmetrics.functional.image.ssim import structural_similarity_index_measure

    first, second = (torch.from_numpy(volume)[None, None] for volume in (prediction, target))

    def inner() -> float:
        # Its mean takes in voxels whose window leaves the volume; scikit-image's does not.
        _, full = structural_similarity_index_measure(
            first, second, data_range=1.0, return_full_image=True
        )
        return float(full[..., 5:-5, 5:-5, 5:-5].mean())

    def ours() -> float:
        return volume_ssim(target, prediction)

    yield Rival("SSIM3D, torchmetrics", ours, inner)
    yield Rival(
        "SSIM3D, border and all",
        ours,
        lambda: float(structural_similarity_index_measure(first, second, data_range=1.0)),
    )


def monai(target: Array, prediction: Array) -> Iterator[Rival]:
    """Yield MONAI's surface metrics."""
    from monai.metrics import (
        compute_average_surface_distance,
        compute_hausdorff_distance,
        compute_surface_dice,
    )

    masks = target > BONE_THRESHOLD, prediction > BONE_THRESHOLD
    true, bone = (torch.from_numpy(mask)[None, None].float() for mask in masks)
    options: dict[str, Any] = {"include_background": True, "spacing": SPACING_MM}

    def ours() -> Any:
        return surface_distances(*masks, SPACING_MM)

    yield Rival(
        "HD95, MONAI",
        lambda: ours().hausdorff95(),
        lambda: float(compute_hausdorff_distance(bone, true, percentile=95, **options)),
    )
    yield Rival(
        "ASSD, MONAI",
        lambda: ours().average(),
        lambda: float(compute_average_surface_distance(bone, true, symmetric=True, **options)),
    )
    yield Rival(
        "surface Dice 2 mm, MONAI",
        lambda: ours().share_within(2.0),
        lambda: float(compute_surface_dice(bone, true, [2.0], **options)),
    )


def lpips_time(target: Array, prediction: Array, weights: str) -> None:
    """Print the time of LPIPS over the slices of three axes."""
    seconds, value = best_of_three(lambda: Perceptual(weights).volumes(target, prediction))
    print(f"{'LPIPS, loading included':<28}{seconds:8.2f} s ({value:.4f})\n")


def main() -> None:
    """Print both tables."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    edge = int(sys.argv[1]) if len(sys.argv) > 1 else 128
    target, prediction = make_pair(edge)
    print(f"one pair of {edge}^3, {float((target > 0).mean()):.1%} bone, one core\n")
    our_times(target, prediction)
    if len(sys.argv) > 2:
        lpips_time(target, prediction, sys.argv[2])
    print(f"{'metric, library':<30}{'ours s':>8}{'theirs s':>10}{'ratio':>7}{'difference':>12}")
    for library in (scikit_image, torchmetrics, monai):
        if importlib.util.find_spec(library.__name__) is None and library is not scikit_image:
            print(f"{library.__name__}: not installed")
            continue
        for rival in library(target, prediction):
            (mine, value), (other, reference) = map(best_of_three, (rival.ours, rival.theirs))
            print(
                f"{rival.name:<30}{mine:>8.3f}{other:>10.3f}{other / mine:>7.1f}"
                f"{value - reference:>12.1e}"
            )


if __name__ == "__main__":
    main()
