"""What every script shares: log, provenance record, and the fate of a rejected scan."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from snakemake.iocontainers import InputFiles, Namedlist, OutputFiles, Params, Snakemake, Wildcards

from srnet.core.rejection import bury
from srnet.provenance.record import Job, logged, recorded


@contextmanager
def job(snakemake: Snakemake | SimpleNamespace) -> Iterator[None]:
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


def per_scan(snakemake: Snakemake) -> Iterator[SimpleNamespace]:
    """Yield the job of each scan of a batch as it would be alone.

    Of rule `STAGE__BATCH`, the param `scans` names the scans, and every output has one file
    for each in that order. So has every input, unless `scans` holds rows that list theirs.
    """
    scans = snakemake.params.scans
    common = {name: value for name, value in snakemake.params.items() if name != "scans"}
    for place, scan in enumerate(scans):
        if isinstance(scans, dict):
            inputs = {"files": scans[scan]["files"]}
            params = common | {"scan": scans[scan]}
        else:
            inputs, params = _share(snakemake.input, place), common
        yield SimpleNamespace(
            rule=snakemake.rule.partition("__")[0],
            wildcards=Wildcards(fromdict={"scan": scan}),
            params=Params(fromdict=params),
            input=InputFiles(fromdict=inputs),
            output=OutputFiles(fromdict=_share(snakemake.output, place)),
            threads=snakemake.threads,
            resources=snakemake.resources,
            log=snakemake.log,
            config=snakemake.config,
        )


def _share(files: Namedlist, place: int) -> dict[str, str]:
    """Return one scan's file of each name."""
    return {name: paths[place] for name, paths in files.items()}


def _by_name(files: Namedlist) -> dict[str, list[str]]:
    """Return the files of each name as a list."""
    return {name: [one] if isinstance(one, str) else list(one) for name, one in files.items()}
