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


# From here to the x-rays one rule is one batch of scans; `BATCHES` says why.
for batch, scans in BATCHES.items():

    rule:
        name:
            f"acquire__{batch}"
        input:
            files=[file for scan in scans for file in SCANS[scan].files],
        output:
            ct=temp(expand("<results>/ct/{scan}.nii.gz", scan=scans)),
            voxels=expand("<results>/voxels/{scan}.txt", scan=scans),
        log:
            f"<results>/logs/acquire/{batch}.log",
        benchmark:
            f"<results>/benchmarks/acquire/{batch}.jsonl"
        group:
            f"prepare_{batch}"
        conda:
            "../../envs/srnet.yaml"
        resources:
            mem_mb=memory_mb(4000),
            runtime=60,
        params:
            scans={scan: SCANS[scan].plain() for scan in scans},
            seed=CONFIG.seed,
            code=acquire_code(scans),
        message:
            f"Batch {batch}: acquire canonical CTs of {count(scans)}"
        script:
            "../scripts/acquire.py"
