"""`srnet export`: pack a trained model into one folder."""

import argparse

from srnet.export.export_model import export_model, find_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run_dir", help="results folder of a run")
    parser.add_argument("model_dir", help="folder to write")
    parser.add_argument("--method", help="method to export, where several were trained")


def run(arguments: argparse.Namespace) -> int:
    """Export the model."""
    export_model(find_run(arguments.run_dir, arguments.method), arguments.model_dir)
    print(f"{arguments.model_dir}: use it with srnet reconstruct --model {arguments.model_dir}")
    return 0
