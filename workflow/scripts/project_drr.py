"""Project the AP and the lateral DRR of one target volume."""

from _job import job, per_scan

from srnet.config.prepare import DrrSettings
from srnet.imaging.volume import read_volume
from srnet.imaging.xray import write_xray
from srnet.prepare.project_drr import project_drr

for one in per_scan(snakemake):
    with job(one):
        volume = read_volume(one.input.volume)
        ap, lateral = project_drr(volume, DrrSettings.parse(one.params.drr))
        write_xray(one.output.ap, ap)
        write_xray(one.output.lateral, lateral)
