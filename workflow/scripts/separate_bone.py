"""Separate bone from soft tissue in one CT."""

from _job import job, per_scan

from srnet.config.prepare import BoneSettings
from srnet.imaging.volume import read_volume, write_volume
from srnet.prepare.separate_bone import separate_bone

for one in per_scan(snakemake):
    with job(one):
        ct = read_volume(one.input.ct)
        bone = separate_bone(ct, BoneSettings.parse(one.params.bone))
        write_volume(one.output.bone, bone.volume)
