"""Split the cohort by patient, and list the scans that were rejected."""

from _job import job

from srnet.acquire.scan import Scan
from srnet.config.cohort import SplitSettings
from srnet.dataset.split import write_rejected, write_split
from srnet.dataset.split_cohort import read_digests, split_cohort

with job(snakemake):
    params = snakemake.params
    scans = [Scan.parse(row) for row in params.scans]
    split, rejected = split_cohort(
        scans,
        products=list(zip(snakemake.input.volumes, snakemake.input.ap, strict=True)),
        digests=read_digests(scans, snakemake.input.voxels),
        settings=SplitSettings.parse(params.split),
        counting=params.counting,
        seed=params.seed,
    )
    write_split(snakemake.output.split, split)
    write_rejected(snakemake.output.rejected, rejected)
