"""What every script shares: log, provenance record, and the fate of a rejected scan."""

from collections.abc import Iterator
from contextlib import contextmanager

from snakemake.iocontainers import Namedlist, Snakemake

from srnet.provenance.log import logged
from srnet.provenance.record import Job, recorded
from srnet.rejection import bury


@contextmanager
def job(snakemake: Snakemake) -> Iterator[None]:
    """Log to the rule's file, record every output, bury a rejected scan."""
    described = Job(
        results=snakemake.config["results"],
        rule=snakemake.rule,
        wildcards=dict(snakemake.wildcards.items()),
        params=dict(snakemake.params.items()),
        inputs=_by_name(snakemake.input),
        outputs=_by_name(snakemake.output),
        threads=snakemake.threads,
        resources=dict(snakemake.resources.items()),
    )
    with (
        logged(snakemake.log[0], described),
        recorded(described),
        bury(snakemake.output, stage=snakemake.rule),
    ):
        yield


def _by_name(files: Namedlist) -> dict[str, list[str]]:
    """Return the files of each name as a list."""
    return {name: [one] if isinstance(one, str) else list(one) for name, one in files.items()}
