"""Count the parameters and operations of one method."""

from _job import job
from pydantic import TypeAdapter

from srnet.config.nets import Net
from srnet.evaluate.measure_flops import measure_flops, write_flops

with job(snakemake):
    net = TypeAdapter(Net).validate_python(snakemake.params.net)
    write_flops(snakemake.output.flops, measure_flops(net, size=snakemake.params.size))
