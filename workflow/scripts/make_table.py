"""Make one table of the paper from the scores of its rows."""

from _job import job

from srnet.tables.make_table import TableCohort, make_table

with job(snakemake):
    make_table(
        snakemake.wildcards.table,
        scores=snakemake.input.scores,
        flops=snakemake.input.flops,
        methods=snakemake.params.methods,
        cohort=TableCohort(snakemake.input.split, snakemake.input.rejected, snakemake.params.size),
        outputs=list(snakemake.output),
    )
