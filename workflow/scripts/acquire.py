"""Turn one row of the scan table into a canonical CT."""

from _job import job

from srnet.acquire.acquire import acquire
from srnet.acquire.scans import Scan
from srnet.volume import write_volume

with job(snakemake):
    scan = Scan.parse(snakemake.params.scan)
    write_volume(snakemake.output.ct, acquire(scan, seed=snakemake.params.seed))
