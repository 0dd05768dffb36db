"""Turn rows of the scan table into canonical CTs and digests of their voxels."""

from _job import each_scan

from srnet.acquire.acquire import acquire
from srnet.acquire.duplicates import voxel_hash
from srnet.acquire.scan import Scan
from srnet.core.atomic import write_text
from srnet.imaging.volume import write_volume

for one in each_scan(snakemake, ct="ct/{batch}/{scan}.nii.gz", voxels="voxels/{scan}.txt"):
    with one.run():
        scan = Scan.parse(snakemake.params.scans[one.scan])
        volume = acquire(scan, seed=snakemake.params.seed)
        write_volume(one.outputs["ct"], volume)
        write_text(one.outputs["voxels"], voxel_hash(volume) + "\n")
