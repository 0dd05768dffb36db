"""Render Fig. 8: the ablation of losses."""

from _job import job

from srnet.config.figures import FigureSettings
from srnet.figures.render_fig8 import render_fig8

with job(snakemake):
    render_fig8(
        snakemake.input.test,
        snakemake.input.predictions,
        snakemake.output.figure,
        FigureSettings.parse(snakemake.params.figures),
        snakemake.params.level,
    )
