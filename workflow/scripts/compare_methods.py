"""Gather every score, and compare every row with 3DSRNet."""

from _job import job

from srnet.tables.compare_methods import compare_methods

with job(snakemake):
    compare_methods(
        snakemake.input.scores,
        tidy_scores=snakemake.output.scores,
        comparison=snakemake.output.comparison,
        references=snakemake.params.references,
    )
