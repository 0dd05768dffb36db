"""Project the AP and the lateral DRR of one target volume."""

from _job import job

from srnet.config.prepare import DrrSettings
from srnet.prepare.project_drr import project_drr
from srnet.volume import read_volume
from srnet.xray import write_xray

with job(snakemake):
    volume = read_volume(snakemake.input.volume)
    ap, lateral = project_drr(volume, DrrSettings.parse(snakemake.params.drr))
    write_xray(snakemake.output.ap, ap)
    write_xray(snakemake.output.lateral, lateral)
