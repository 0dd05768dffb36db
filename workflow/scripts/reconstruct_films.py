"""Reconstruct one patient's pair of films."""

import logging
from pathlib import Path

from _job import described, job

from srnet.clinical.case import Case
from srnet.clinical.reconstruct_films import reconstruct_case_to
from srnet.config.clinical import ClinicalSettings
from srnet.export.model_folder import open_model

with job(snakemake):
    result = reconstruct_case_to(
        Path(snakemake.output.volume).parent,
        Case.parse(snakemake.params.case),
        open_model(Path(described(snakemake).inputs["model"][0]).parent),
        ClinicalSettings.parse(snakemake.params.clinical),
    )
    for finding in result.findings:
        logging.info("%s: %s", finding.severity, finding.sentence)
    logging.info("seconds by step: %s", dict(result.seconds))
