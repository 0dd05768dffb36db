"""Make the page with tables, figures and a volume viewer."""

from _job import job

from srnet.config.figures import FigureSettings
from srnet.figures.make_page import PageParts, make_page

with job(snakemake):
    make_page(
        snakemake.output.page,
        PageParts(snakemake.input.tables, snakemake.input.figures, snakemake.params.captions),
        snakemake.input.test,
        snakemake.input.predictions,
        FigureSettings.parse(snakemake.params.figures),
    )
