"""Measure how much a trained model loses when x-rays are worse than those of its training.

    python benchmarks/robustness.py results/dataset/test.h5 results/models/*/model.safetensors

For each model and disturbance: mean PSNR3D (dB) and cosine similarity over the test set. X-rays
are made by the package's own projector, so that the patient can turn between the two exposures.
With `--train FILE` the multiplicative fit of the training mean (IPF), which learns nothing, is
compared with the models.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from srnet.dataset.tensors import Batch, load_samples
from srnet.evaluate.predict_baseline import IPF_SWEEPS
from srnet.evaluate.similarity import cosine, psnr3d
from srnet.physics.mlem import fit_to_views
from srnet.physics.projector import projections
from srnet.physics.views import Views
from srnet.train.checkpoint import load_model

Disturbance = Callable[[Batch], Views]
Method = Callable[[Views], Tensor]


def expose(batch: Batch, turn_deg: float = 0.0) -> Views:
    """Return x-rays of the target; the patient turns before the lateral exposure."""
    volume = batch.target[:, 0]
    pair = projections(batch.views.spacing_mm, volume.shape[-1], batch.views.source_mm)
    ap = pair[0].forward(volume)
    lateral = pair[1].forward(turned(batch, turn_deg)[:, 0])
    integral = torch.stack([ap, lateral], dim=1)
    image = integral / integral.amax((2, 3), keepdim=True)
    return batch.views._replace(image=image, integral=integral)


def turned(batch: Batch, angle_deg: float) -> Tensor:
    """Return the target turned about the craniocaudal axis, in mm, not in voxels."""
    cosine_, sine = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    back, left = batch.views.spacing_mm[0, 1:].tolist()
    # Columns of grid_sample's matrix: left-right, anteroposterior, craniocaudal.
    matrix = torch.tensor(
        [[[cosine_, -sine * back / left, 0, 0], [sine * left / back, cosine_, 0, 0], [0, 0, 1, 0]]]
    )
    grid = affine_grid(matrix, list(batch.target.shape), align_corners=False)
    return grid_sample(batch.target, grid, align_corners=False)


def noise(share: float) -> Disturbance:
    """Return a disturbance by noise of `share` of the maximum."""

    def disturb(batch: Batch) -> Views:
        views = expose(batch)
        normal = share * torch.randn(views.image.shape, generator=torch.Generator().manual_seed(0))
        white = views.integral.amax((2, 3), keepdim=True)
        return views._replace(
            image=(views.image + normal).clamp(0, 1),
            integral=(views.integral + normal * white).clamp(min=0),
        )

    return disturb


def gain(ap: float, lateral: float) -> Disturbance:
    """Return a disturbance by a wrong scale of the line integrals of each view."""

    def disturb(batch: Batch) -> Views:
        views = expose(batch)
        scale = torch.tensor([ap, lateral]).view(1, 2, 1, 1)
        return views._replace(integral=views.integral * scale)

    return disturb


def turn(angle_deg: float) -> Disturbance:
    """Return a disturbance by a turn of the patient between the exposures."""
    return lambda batch: expose(batch, angle_deg)


DISTURBANCES: dict[str, Disturbance] = {
    "none": expose,
    "noise 1 %": noise(0.01),
    "noise 2 %": noise(0.02),
    "noise 5 %": noise(0.05),
    "both views x 0.9": gain(0.9, 0.9),
    "both views x 1.1": gain(1.1, 1.1),
    "AP x 1.05, lateral x 0.95": gain(1.05, 0.95),
    "AP x 1.1, lateral x 0.9": gain(1.1, 0.9),
    "AP x 1.2, lateral x 0.8": gain(1.2, 0.8),
    "turn 1 degree": turn(1.0),
    "turn 3 degrees": turn(3.0),
    "turn 5 degrees": turn(5.0),
}


@torch.inference_mode()
def measure(method: Method, batches: list[Batch], disturb: Disturbance) -> tuple[float, float]:
    """Return mean PSNR3D and cosine similarity."""
    scores = []
    for batch in batches:
        prediction = method(disturb(batch)).clamp(0, 1)
        pair = batch.target[0, 0].numpy(), prediction[0, 0].numpy()
        scores.append((psnr3d(*pair), cosine(*pair)))
    means = [sum(column) / len(scores) for column in zip(*scores, strict=True)]
    return means[0], means[1]


def main() -> None:
    """Print one table with a row per disturbance and a column per method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("test", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--train", type=Path)
    parser.add_argument("--scans", type=int, help="only the first scans of the test set")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    samples = load_samples(arguments.test, gamma=False)
    batches = list(samples.batches(torch.arange(len(samples))[: arguments.scans], size=1))
    methods: dict[str, Method] = {
        path.parent.name: load_model(path).net for path in arguments.models
    }
    if arguments.train:
        known = load_samples(arguments.train, gamma=False)
        prior = known.ct.double().mean(0).float()[None, None] / 2500 + 1e-5
        methods["ipf"] = lambda views: fit_to_views(prior, views, IPF_SWEEPS)
    print("| disturbance | " + " | ".join(methods) + " |")
    print("|---" * (len(methods) + 1) + "|")
    for name, disturb in DISTURBANCES.items():
        cells = [measure(method, batches, disturb) for method in methods.values()]
        print(
            f"| {name} | " + " | ".join(f"{p:.2f} / {c:.3f}" for p, c in cells) + " |", flush=True
        )


if __name__ == "__main__":
    main()
