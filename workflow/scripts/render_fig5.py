"""Render Fig. 5: a CT before and after the separation of bone."""

from _job import job

from srnet.acquire.scan import Scan
from srnet.config.figures import FigureSettings
from srnet.config.prepare import BoneSettings
from srnet.figures.render_fig5 import render_fig5

with job(snakemake):
    render_fig5(
        Scan.parse(snakemake.params.scan),
        snakemake.params.seed,
        BoneSettings.parse(snakemake.params.bone),
        snakemake.output.figure,
        FigureSettings.parse(snakemake.params.figures),
    )
