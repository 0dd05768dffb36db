"""Pack one part of the split into an HDF5 file."""

from _job import job

from srnet.config.prepare import DrrSettings
from srnet.dataset.pack_dataset import SampleFiles, pack_dataset
from srnet.dataset.split import read_split

with job(snakemake):
    files = [
        SampleFiles(*paths)
        for paths in zip(
            snakemake.input.volumes, snakemake.input.ap, snakemake.input.lateral, strict=True
        )
    ]
    split = read_split(snakemake.input.split)
    drr = DrrSettings.parse(snakemake.params.drr)
    pack_dataset(snakemake.output.dataset, files, split, part=snakemake.wildcards.part, drr=drr)
