"""What every script shares: the engine's job, recorded by the package."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from snakemake.iocontainers import Namedlist, Snakemake

from srnet.provenance.batch import ScanJob, run_cohort_job, scan_jobs
from srnet.provenance.record import Job, run_job


def job(snakemake: Snakemake) -> AbstractContextManager[None]:
    """Return the context in which the work of a script is logged and recorded."""
    return run_job(described(snakemake), snakemake.log[0])


def each_scan(snakemake: Snakemake, reads: Sequence[str] = (), **writes: str) -> Iterator[ScanJob]:
    """Yield the jobs of the scans of a batch; see `srnet.provenance.batch.scan_jobs`."""
    return scan_jobs(described(snakemake), snakemake.log[0], reads, writes)


def cohort_job(
    snakemake: Snakemake, scans: Sequence[str], reads: Sequence[str]
) -> AbstractContextManager[Mapping[str, Sequence[str]]]:
    """Return the context of a job that reads products of the cohort, one file a scan."""
    return run_cohort_job(described(snakemake), snakemake.log[0], scans, reads)


def described(snakemake: Snakemake) -> Job:
    """Return what the engine says of a job, in the words of the package.

    Its inputs include those that the engine cannot name (`unnamed` in rules/common.smk).
    """
    params = dict(snakemake.params.items())
    inputs = by_name(snakemake.input)
    for name, files in params.pop("unnamed", {}).items():
        inputs[name] = [*inputs.get(name, ()), *files]
    return Job(
        results=snakemake.config["results"],
        rule=snakemake.rule,
        wildcards=dict(snakemake.wildcards.items()),
        params=params,
        inputs=inputs,
        outputs=by_name(snakemake.output),
        threads=snakemake.threads,
        resources=dict(snakemake.resources.items()),
    )


def by_name(files: Namedlist) -> dict[str, list[str]]:
    return {name: [one] if isinstance(one, str) else list(one) for name, one in files.items()}
