"""Reconstruct the test set with one trained method."""

from _job import job

from srnet.train.predict import predict

with job(snakemake):
    predict(
        snakemake.input.model,
        snakemake.input.test,
        snakemake.output.prediction,
        threads=snakemake.threads,
    )
