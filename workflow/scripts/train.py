"""Train one method."""

from _job import job

from srnet.config.nets import parse_net
from srnet.config.train import TrainSettings
from srnet.train.train import TrainingRun, train

with job(snakemake):
    params = snakemake.params
    run = TrainingRun(
        net=parse_net(params.net),
        settings=TrainSettings.parse(params.train),
        size=params.size,
        seed=params.seed,
        threads=snakemake.threads,
        code=params.code,
    )
    train(
        run,
        train_set=snakemake.input.train,
        validation_set=snakemake.input.validation,
        model=snakemake.output.model,
        history=snakemake.output.history,
    )
