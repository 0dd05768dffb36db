"""Resample one bone volume to the network's cube."""

from _job import job, per_scan

from srnet.config.prepare import ResampleSettings
from srnet.imaging.volume import read_volume, write_volume
from srnet.prepare.resample_volume import resample_volume

for one in per_scan(snakemake):
    with job(one):
        bone = read_volume(one.input.bone)
        settings = ResampleSettings.parse(one.params.resample)
        write_volume(one.output.volume, resample_volume(bone, one.params.size, settings))
