"""Pack one trained model into a folder of its own."""

from pathlib import Path

from _job import job

from srnet.export.export_model import RunFiles, export_model

with job(snakemake):
    files = snakemake.input
    run = RunFiles(
        method=snakemake.wildcards.method,
        model=Path(files.model),
        train=Path(files.train),
        test=Path(files.test),
        split=Path(files.split),
        prediction=Path(files.prediction),
        scores={Path(path).stem: Path(path) for path in files.scores},
        licences=snakemake.params.licences,
    )
    export_model(run, Path(snakemake.output.files[0]).parent)
