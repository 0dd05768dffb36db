"""Pack one part of the split into an HDF5 file."""

from _job import cohort_job

from srnet.config.prepare import DrrSettings
from srnet.dataset.pack_dataset import SampleFiles, pack_dataset
from srnet.dataset.split import read_split

part = snakemake.wildcards.part
split = read_split(snakemake.input.split)
scans = [row.scan for row in split if row.part == part]
with cohort_job(snakemake, scans, reads=["volume", "ap", "lateral"]) as files:
    samples = [
        SampleFiles(*paths)
        for paths in zip(files["volume"], files["ap"], files["lateral"], strict=True)
    ]
    drr = DrrSettings.parse(snakemake.params.drr)
    pack_dataset(snakemake.output.dataset, samples, split, part=part, drr=drr)
