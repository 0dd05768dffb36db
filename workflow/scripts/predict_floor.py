"""Reconstruct the test set without learning."""

from _job import job

from srnet.evaluate.predict_floor import predict_floor

with job(snakemake):
    predict_floor(
        snakemake.wildcards.floor,
        train_set=snakemake.input.train,
        test_set=snakemake.input.test,
        prediction=snakemake.output.prediction,
    )
