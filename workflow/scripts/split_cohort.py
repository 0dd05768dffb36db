"""Split the cohort by patient, and list the scans that were rejected."""

from _job import cohort_job

from srnet.acquire.scan import Scan
from srnet.config.cohort import SplitSettings
from srnet.dataset.split import write_rejected, write_split
from srnet.dataset.split_cohort import read_digests, split_cohort

params = snakemake.params
scans = [Scan.parse(row) for row in params.scans]
names = [scan.scan_id for scan in scans]
with cohort_job(snakemake, names, reads=["volume", "ap", "voxels"]) as files:
    split, rejected = split_cohort(
        scans,
        products=list(zip(files["volume"], files["ap"], strict=True)),
        digests=read_digests(scans, files["voxels"]),
        settings=SplitSettings.parse(params.split),
        counting=params.counting,
        seed=params.seed,
    )
    write_split(snakemake.output.split, split)
    write_rejected(snakemake.output.rejected, rejected)
