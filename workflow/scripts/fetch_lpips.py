"""Fetch the trained features that LPIPS compares."""

from _job import job

from srnet.evaluate.fetch_lpips import fetch_lpips

with job(snakemake):
    fetch_lpips(snakemake.output.weights)
