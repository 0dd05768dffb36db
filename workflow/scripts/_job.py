"""What every script shares: its log, and what happens to a rejected scan."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snakemake.iocontainers import Snakemake

from srnet.rejection import bury


@contextmanager
def job(snakemake: Snakemake) -> Iterator[None]:
    """Log to the rule's log file; turn a rejected scan into tombstones."""
    log = Path(snakemake.log[0])
    logging.basicConfig(filename=log, level=logging.INFO, format="%(asctime)s %(message)s")
    with bury(snakemake.output, stage=snakemake.rule):
        yield
