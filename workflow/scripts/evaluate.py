"""Score the reconstructions of one method, scan by scan."""

from _job import job

from srnet.config.evaluate import EvaluateSettings
from srnet.evaluate.evaluate import evaluate
from srnet.evaluate.scores import write_scores

with job(snakemake):
    scores = evaluate(
        snakemake.input.prediction,
        snakemake.input.test,
        EvaluateSettings.parse(snakemake.params.evaluate),
    )
    write_scores(snakemake.output.scores, scores)
