"""Make one table of the paper from the scores of its rows."""

from _job import job
from snakemake.script import snakemake

from srnet.evaluate.make_table import make_table

with job(snakemake):
    make_table(
        snakemake.wildcards.table,
        scores=snakemake.input.scores,
        flops=snakemake.input.flops,
        split=snakemake.input.split,
        rejected=snakemake.input.rejected,
        outputs=(snakemake.output.csv, snakemake.output.markdown, snakemake.output.latex),
    )
