"""`srnet metrics TARGET PREDICTION`: score one volume against another."""

import argparse
import json
import math

from srnet.config.evaluate import EvaluateSettings
from srnet.evaluate.metrics import CONVENTIONS, METRICS
from srnet.evaluate.score_files import score_files
from srnet.imaging.target import TARGET_MAX


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    kinds = (
        f"a .npy array of network values [0, 1], or a NIfTI image of stored values 0..{TARGET_MAX}"
    )
    parser.add_argument("target", metavar="TARGET", help=kinds)
    parser.add_argument("prediction", metavar="PREDICTION", help="the same kind of file")
    parser.add_argument(
        "--convention",
        choices=sorted(CONVENTIONS),
        default="both",
        help="paper: as Table I was computed; strict: whole volume, bone and surfaces",
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON; keys are the tables' column names"
    )
    parser.add_argument(
        "--spacing-mm",
        nargs=3,
        type=float,
        metavar=("D", "H", "W"),
        help="voxel size of .npy arrays along their axes (1 1 1)",
    )
    parser.add_argument(
        "--bone-threshold",
        type=float,
        default=EvaluateSettings().bone_threshold,
        help="network value above which a voxel counts as bone (%(default)s)",
    )
    parser.add_argument(
        "--lpips-weights",
        metavar="FILE",
        help="trained AlexNet features; without them LPIPS is left out",
    )


def run(args: argparse.Namespace) -> int:
    """Print the scores."""
    settings = EvaluateSettings.parse(
        {"bone_threshold": args.bone_threshold, "lpips_weights": args.lpips_weights}
    )
    spacing = tuple(args.spacing_mm) if args.spacing_mm else None
    scores = score_files(args.target, args.prediction, args.convention, spacing, settings)
    if args.json:
        plain = {name: None if math.isnan(value) else value for name, value in scores.items()}
        print(json.dumps(plain, indent=2, allow_nan=False))
        return 0
    for name, value in scores.items():
        metric = METRICS[name]
        undefined = f"undefined: {metric.undefined}"
        text = undefined if math.isnan(value) else f"{value:.6g} {metric.unit}".rstrip()
        print(f"{name:<12} {text}")
    return 0
