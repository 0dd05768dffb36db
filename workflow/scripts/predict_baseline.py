"""Reconstruct the test set without learning."""

from _job import job

from srnet.evaluate.predict_baseline import predict_baseline

with job(snakemake):
    predict_baseline(
        snakemake.wildcards.baseline,
        train_set=snakemake.input.train,
        test_set=snakemake.input.test,
        prediction=snakemake.output.prediction,
    )
