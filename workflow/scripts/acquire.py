"""Turn one row of the scan table into a canonical CT and a digest of its voxels."""

from _job import job, per_scan

from srnet.acquire.acquire import acquire
from srnet.acquire.duplicates import voxel_hash
from srnet.acquire.scan import Scan
from srnet.core.atomic import write_text
from srnet.imaging.volume import write_volume

for one in per_scan(snakemake):
    with job(one):
        scan = Scan.parse(one.params.scan)
        volume = acquire(scan, seed=one.params.seed)
        write_volume(one.output.ct, volume)
        write_text(one.output.voxels, voxel_hash(volume) + "\n")
