"""Render the scores of every test scan."""

from _job import job

from srnet.config.figures import FigureSettings
from srnet.figures.render_scores import render_scores

with job(snakemake):
    render_scores(
        snakemake.input.scores,
        snakemake.output.figure,
        FigureSettings.parse(snakemake.params.figures),
    )
