"""Render truth against every method: MIP and mid-sagittal slice."""

from _job import job

from srnet.config.figures import FigureSettings
from srnet.figures.render_overview import render_overview

with job(snakemake):
    render_overview(
        snakemake.input.test,
        snakemake.input.predictions,
        snakemake.output.figure,
        FigureSettings.parse(snakemake.params.figures),
    )
