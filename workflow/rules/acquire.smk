# The code that fetches is no parameter: a file that was verified stays, whoever fetched it.
rule download:
    output:
        file="<downloads>/{scan}/{file}",
    log:
        "<results>/logs/download/{scan}/{file}.log",
    benchmark:
        "<results>/benchmarks/download/{scan}/{file}.jsonl"
    retries: 3
    conda:
        "../../envs/srnet.yaml"
    resources:
        downloads=1,
        mem_mb=500,
        runtime=240,
    params:
        remote=remote_file,
    message:
        "Download {wildcards.file} of {wildcards.scan}"
    script:
        "../scripts/download.py"


# From here to the x-rays a job takes a batch of scans. `products` lists the file of each scan
# with its digest, those of earlier stages included; what is temporary lies in a folder of the
# batch.
rule acquire:
    input:
        files=lambda wildcards: named(batch_files(wildcards)),
    output:
        ct=temp(directory("<results>/ct/{batch}")),
        products="<results>/ct/{batch}.tsv",
    log:
        "<results>/logs/acquire/{batch}.log",
    benchmark:
        "<results>/benchmarks/acquire/{batch}.jsonl"
    group:
        "prepare_{batch}"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=memory_mb(4000),
        runtime=60,
    params:
        scans=batch_rows,
        unnamed=lambda wildcards: unnamed(files=batch_files(wildcards)),
        seed=CONFIG.seed,
        code=acquire_code,
    message:
        "Acquire the canonical CTs of batch {wildcards.batch}"
    script:
        "../scripts/acquire.py"
