"""Resample one bone volume to the network's cube."""

from _job import job

from srnet.config.prepare import ResampleSettings
from srnet.prepare.resample_volume import resample_volume
from srnet.volume import read_volume, write_volume

with job(snakemake):
    bone = read_volume(snakemake.input.bone)
    settings = ResampleSettings.parse(snakemake.params.resample)
    write_volume(snakemake.output.volume, resample_volume(bone, snakemake.params.size, settings))
