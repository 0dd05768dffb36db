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


rule acquire:
    input:
        files=scan_file,
    output:
        ct=temp("<results>/ct/{scan}.nii.gz"),
        voxels="<results>/voxels/{scan}.txt",
    log:
        "<results>/logs/acquire/{scan}.log",
    benchmark:
        "<results>/benchmarks/acquire/{scan}.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        scan=scan_row,
        seed=CONFIG.seed,
        code=acquire_code,
    message:
        "Acquire {wildcards.scan} as a canonical CT"
    script:
        "../scripts/acquire.py"
