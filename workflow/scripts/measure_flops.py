"""Count the parameters and operations of the methods."""

from _job import job
from pydantic import TypeAdapter

from srnet.config.nets import Net
from srnet.evaluate.measure_flops import measure_flops, write_flops

with job(snakemake):
    nets = TypeAdapter(dict[str, Net]).validate_python(snakemake.params.nets)
    size = snakemake.params.size
    write_flops(
        snakemake.output.flops,
        {method: measure_flops(net, size) for method, net in nets.items()},
    )
