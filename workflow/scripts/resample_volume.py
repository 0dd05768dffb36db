"""Resample the bone volumes of a batch to the network's cube."""

from _job import each_scan

from srnet.config.prepare import ResampleSettings
from srnet.imaging.volume import read_volume, write_volume
from srnet.prepare.resample_volume import resample_volume

settings = ResampleSettings.parse(snakemake.params.resample)
for one in each_scan(snakemake, reads=["bone"], volume="volume/{scan}.nii.gz"):
    with one.run():
        volume = resample_volume(read_volume(one.inputs["bone"]), snakemake.params.size, settings)
        write_volume(one.outputs["volume"], volume)
