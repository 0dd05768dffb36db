"""Render the learning curves of every method."""

from _job import job

from srnet.config.figures import FigureSettings
from srnet.figures.render_learning import render_learning

with job(snakemake):
    render_learning(
        snakemake.input.histories,
        snakemake.output.figure,
        FigureSettings.parse(snakemake.params.figures),
    )
