rule acquire:
    input:
        files=scan_file,
    output:
        ct=temp("<results>/ct/{scan}.nii.gz"),
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
