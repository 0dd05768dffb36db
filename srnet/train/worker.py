"""One of several processes of a training; started by `srnet.train.launch`."""

import json
import logging
import sys

from srnet.train.train import TrainingRun, train

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    job = json.loads(sys.argv[1])
    train(TrainingRun.parse(job["run"]), *job["files"])
