"""Check the printed tables of the paper for consistency, and show what its PSNR rewards.

    python -m benchmarks.printed_tables

The output has three parts. For the ten rows of Tables I to III: the PSNR that each printed MSE
gives over a whole volume, the maximum that would be needed to turn one into the other, and the
mean square of the test set that MSE and CS together imply. Then the losses in percent that the
text quotes. Then one reconstruction over backgrounds of different height, scored in both
conventions.
"""

import math

import numpy as np

from benchmarks.metrics import make_pair, score
from srnet.evaluate.similarity import PEAK, psnr
from srnet.imaging.target import TARGET_MAX
from srnet.tables.printed import PRINTED, PRINTED_METRICS, WHOLE, Traits, without

FULL = Traits("srnet3d", WHOLE)
BACKGROUND_LEVELS = (0, 1, 5, 25, 100)


def name(method: Traits) -> str:
    """Return a row's name, such as `x2ct` or `-ASPP`."""
    missing = [part for part, there in method.parts if not there]
    return f"-{missing[0]}" if missing else method.net


def against_itself() -> None:
    """Print what the MSE of each row implies for its PSNR and, with its CS, for the test set."""
    print(f"{'row':<9}{'PSNR':>9}{'from MSE':>10}{'gap':>7}{'needed max':>12}{'MSE/(1-CS^2)':>14}")
    for method, values in PRINTED.items():
        row = dict(zip(PRINTED_METRICS, values, strict=False))
        whole = psnr(row["MSE"], PEAK)
        needed = math.sqrt(row["MSE"]) * 10 ** (row["PSNR"] / 20)
        energy = row["MSE"] / (1 - row["CS"] ** 2)
        print(
            f"{name(method):<9}{row['PSNR']:>9.2f}{whole:>10.2f}{row['PSNR'] - whole:>7.2f}"
            f"{needed:>12.0f}{energy:>14.0f}"
        )


def losses_in_percent() -> None:
    """Print by how much each ablation is worse than the whole, in percent of the whole."""
    metrics = PRINTED_METRICS[:-1]
    full = dict(zip(metrics, PRINTED[FULL], strict=False))
    print("\nworse by %" + "".join(f"{metric:>9}" for metric in metrics))
    for part, _ in WHOLE:
        row = dict(zip(metrics, PRINTED[without(part)], strict=True))
        changes = [100 * abs(full[metric] - row[metric]) / full[metric] for metric in metrics]
        print(f"-{part:<9}" + "".join(f"{change:>9.2f}" for change in changes))


def backgrounds() -> None:
    """Print the scores of one blurred volume over backgrounds of different height."""
    target, prediction = make_pair(128)
    print(f"\n{'background':<12}{'PSNR':>8}{'PSNR3D':>8}{'SSIM':>8}{'CS':>8}{'MAE':>8}{'Dice':>8}")
    for levels in BACKGROUND_LEVELS:
        raised = np.where(prediction == 0, np.float32(levels / TARGET_MAX), prediction)
        scores = score(target, raised, "both")
        print(
            f"{levels:<12}{scores['PSNR']:>8.2f}{scores['PSNR3D']:>8.2f}{scores['SSIM']:>8.4f}"
            f"{scores['CS']:>8.4f}{scores['MAE']:>8.2f}{scores['Dice']:>8.4f}"
        )


if __name__ == "__main__":
    against_itself()
    losses_in_percent()
    backgrounds()
