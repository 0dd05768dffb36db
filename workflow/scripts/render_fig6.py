"""Render Fig. 6: one test scan as every method reconstructs it."""

from _job import job

from srnet.config.figures import FigureSettings
from srnet.figures.render_fig6 import render_fig6

with job(snakemake):
    render_fig6(
        snakemake.input.test,
        snakemake.input.predictions,
        snakemake.output.figure,
        FigureSettings.parse(snakemake.params.figures),
        snakemake.params.level,
    )
