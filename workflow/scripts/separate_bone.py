"""Separate bone from soft tissue in the CTs of a batch."""

from _job import each_scan

from srnet.config.prepare import BoneSettings
from srnet.imaging.volume import read_volume, write_volume
from srnet.prepare.separate_bone import separate_bone

settings = BoneSettings.parse(snakemake.params.bone)
for one in each_scan(snakemake, reads=["ct"], bone="bone/{batch}/{scan}.nii.gz"):
    with one.run():
        bone = separate_bone(read_volume(one.inputs["ct"]), settings)
        write_volume(one.outputs["bone"], bone.volume)
