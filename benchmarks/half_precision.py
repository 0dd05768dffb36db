"""Measure how bfloat16 changes the predictions of a trained model.

    python benchmarks/half_precision.py results/dataset/test.h5 results/models/*/model.safetensors

For each model, as means over the test set: PSNR3D (dB) and cosine similarity in float32 and under
bfloat16 autocast, and the distance between both outputs relative to the norm of the first.
"""

import argparse
from pathlib import Path

import torch

from srnet.dataset.tensors import Batch, load_samples
from srnet.evaluate.similarity import cosine, psnr3d
from srnet.train.checkpoint import load_model


@torch.inference_mode()
def measure(net: torch.nn.Module, batch: Batch) -> list[float]:
    """Return PSNR3D and cosine in float32, the same in bfloat16, and the relative distance."""
    full = net(batch.views)
    with torch.autocast("cpu", torch.bfloat16):
        half = net(batch.views)
    scores = [
        score(batch.target[0, 0].numpy(), prediction[0, 0].clamp(0, 1).float().numpy())
        for prediction in (full, half)
        for score in (psnr3d, cosine)
    ]
    return [*scores, float((half - full).norm() / full.norm())]


def main() -> None:
    """Print one line per model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("test", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--scans", type=int, help="only the first scans of the test set")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    samples = load_samples(arguments.test, gamma=False)
    chosen = torch.arange(len(samples))[: arguments.scans]
    print("| model | float32 | bfloat16 | relative distance |\n|---|---|---|---|")
    for path in arguments.models:
        net = load_model(path).net
        rows = [measure(net, batch) for batch in samples.batches(chosen, size=1)]
        full, full_cosine, half, half_cosine, distance = torch.tensor(rows).mean(0).tolist()
        print(
            f"| {path.parent.name} | {full:.3f} / {full_cosine:.4f} | "
            f"{half:.3f} / {half_cosine:.4f} | {distance:.4f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
