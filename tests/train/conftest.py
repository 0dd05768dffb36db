"""A small training run."""

import pytest

from srnet.config.nets import parse_net
from srnet.config.train import TrainSettings
from srnet.train.train import TrainingRun
from tests.fixtures.boxes import SIZE


@pytest.fixture
def make_run():
    """Return a function from changed settings to a small run."""

    def make(net=None, seed=1, **settings):
        values = {"name": "ete", "width": 0.06, **(net or {})}
        return TrainingRun(
            net=parse_net(values),
            settings=TrainSettings.parse({"epochs": 2, "validate_every": 1, **settings}),
            size=SIZE,
            seed=seed,
            threads=1,
            code="code",
        )

    return make
