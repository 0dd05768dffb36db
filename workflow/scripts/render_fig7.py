"""Render Fig. 7: the ablation of modules."""

from _job import job

from srnet.config.figures import FigureSettings
from srnet.figures.render_fig7 import render_fig7

with job(snakemake):
    render_fig7(
        snakemake.input.test,
        snakemake.input.predictions,
        snakemake.output.figure,
        FigureSettings.parse(snakemake.params.figures),
        snakemake.params.level,
    )
