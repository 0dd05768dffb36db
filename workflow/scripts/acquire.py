"""Turn one row of the scan table into a canonical CT and a digest of its voxels."""

from _job import job

from srnet.acquire.acquire import acquire
from srnet.acquire.duplicates import voxel_hash
from srnet.acquire.scans import Scan
from srnet.atomic import write_text
from srnet.volume import write_volume

with job(snakemake):
    scan = Scan.parse(snakemake.params.scan)
    volume = acquire(scan, seed=snakemake.params.seed)
    write_volume(snakemake.output.ct, volume)
    write_text(snakemake.output.voxels, voxel_hash(volume) + "\n")
