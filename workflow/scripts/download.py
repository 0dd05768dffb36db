"""Fetch one file of a public scan, resumed and verified."""

from _job import job

from srnet.acquire.download import Client
from srnet.acquire.scan import Remote

with job(snakemake):
    Client().fetch(Remote.parse(snakemake.params.remote), snakemake.output.file)
