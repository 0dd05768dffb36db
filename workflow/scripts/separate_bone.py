"""Separate bone from soft tissue in one CT."""

from _job import job

from srnet.config.prepare import BoneSettings
from srnet.prepare.separate_bone import separate_bone
from srnet.volume import read_volume, write_volume

with job(snakemake):
    ct = read_volume(snakemake.input.ct)
    bone = separate_bone(ct, BoneSettings.parse(snakemake.params.bone))
    write_volume(snakemake.output.bone, bone.volume)
