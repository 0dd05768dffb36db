"""Render the best, the median and the worst reconstruction."""

from _job import job

from srnet.config.figures import FigureSettings
from srnet.figures.render_extremes import render_extremes

with job(snakemake):
    render_extremes(
        snakemake.input.test,
        snakemake.input.predictions,
        snakemake.output.figure,
        FigureSettings.parse(snakemake.params.figures),
        snakemake.params.level,
    )
