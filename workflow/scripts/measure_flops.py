"""Count the parameters and operations of the methods."""

from _job import job

from srnet.config.nets import parse_net
from srnet.evaluate.measure_flops import measure_flops, write_flops

with job(snakemake):
    nets = {method: parse_net(net) for method, net in snakemake.params.nets.items()}
    size = snakemake.params.size
    write_flops(
        snakemake.output.flops,
        {method: measure_flops(net, size) for method, net in nets.items()},
    )
