"""Render one of the pages that set reconstructions beside the truth."""

from _job import job

from srnet.config.figures import FigureSettings
from srnet.figures.render_comparison import Compared, render_comparison

with job(snakemake):
    compared = Compared(
        snakemake.input.test,
        snakemake.input.predictions,
        snakemake.params.level,
        FigureSettings.parse(snakemake.params.figures),
    )
    render_comparison(snakemake.wildcards.comparison, compared, snakemake.output.figure)
