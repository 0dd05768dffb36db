"""Score the rows of Table I vertebra by vertebra and region by region."""

from _job import job

from srnet.acquire.scan import Scan
from srnet.tables.score_regions import score_regions, write_regions

with job(snakemake):
    scores = score_regions(
        snakemake.input.predictions,
        snakemake.input.test,
        [Scan.parse(row) for row in snakemake.params.labelled],
        snakemake.params.seed,
        snakemake.params.bone_threshold,
    )
    tidy, *tables = snakemake.output
    write_regions(scores, tidy, tables)
