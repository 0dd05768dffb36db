"""Project the AP and the lateral DRR of the target volumes of a batch."""

from _job import each_scan

from srnet.config.prepare import DrrSettings
from srnet.imaging.volume import read_volume
from srnet.imaging.xray import write_xray
from srnet.prepare.project_drr import project_drr

settings = DrrSettings.parse(snakemake.params.drr)
drrs = {"ap": "drr/{scan}/ap.png", "lateral": "drr/{scan}/lateral.png"}
for one in each_scan(snakemake, reads=["volume"], **drrs):
    with one.run():
        ap, lateral = project_drr(read_volume(one.inputs["volume"]), settings)
        write_xray(one.outputs["ap"], ap)
        write_xray(one.outputs["lateral"], lateral)
