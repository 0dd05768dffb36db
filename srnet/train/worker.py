"""One of several processes of a training; started by `srnet.train.launch`."""

import json
import logging
import sys
from pathlib import Path

from srnet.train.train import TrainingFiles, TrainingRun, train_here

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    job = json.loads(sys.argv[1])
    files = TrainingFiles(**{key: Path(path) for key, path in job["files"].items()})
    train_here(TrainingRun.parse(job["run"]), files)
