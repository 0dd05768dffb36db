"""One of several processes of a training; started by `srnet.train.launch`."""

import json
import logging
import sys
from pathlib import Path

from pydantic import TypeAdapter

from srnet.config.nets import Net
from srnet.config.train import TrainSettings
from srnet.train.train import Paths, TrainingRun, train_here


def main(text: str) -> None:
    """Take part in the training that the JSON `text` describes."""
    logging.basicConfig(level=logging.WARNING)
    job = json.loads(text)
    about = job["run"]
    about["net"] = TypeAdapter[Net](Net).validate_python(about["net"])
    about["settings"] = TrainSettings.parse(about["settings"])
    train_here(
        TrainingRun(**about), Paths(**{key: Path(path) for key, path in job["paths"].items()})
    )


if __name__ == "__main__":
    main(sys.argv[1])
