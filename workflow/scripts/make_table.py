"""Make one table of the paper from the scores of its rows."""

from _job import job

from srnet.evaluate.make_table import CohortFiles, make_table

with job(snakemake):
    make_table(
        snakemake.wildcards.table,
        scores=snakemake.input.scores,
        flops=snakemake.input.flops,
        methods=snakemake.params.methods,
        cohort=CohortFiles(snakemake.input.split, snakemake.input.rejected),
        outputs=list(snakemake.output),
    )
