"""Make one table of the paper from the scores of its rows."""

from _job import job

from srnet.tables.make_table import make_table

with job(snakemake):
    make_table(
        snakemake.wildcards.table,
        scores=snakemake.input.scores,
        flops=snakemake.input.flops,
        methods=snakemake.params.methods,
        split=snakemake.input.split,
        rejected=snakemake.input.rejected,
        size=snakemake.params.size,
        outputs=list(snakemake.output),
    )
