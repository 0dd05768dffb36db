def scan_file(wildcards):
    """Return the local file of a scan as a list, empty for generated ones."""
    return SCANS[wildcards.scan].files


def scan_row(wildcards):
    return SCANS[wildcards.scan].plain()


rule acquire:
    message:
        "Acquire {wildcards.scan} as a canonical CT"
    input:
        files=scan_file,
    output:
        ct=temp("<results>/ct/{scan}.nii.gz"),
    params:
        scan=scan_row,
        seed=CONFIG.seed,
        code=code("acquire"),
    log:
        "<results>/logs/acquire/{scan}.log",
    benchmark:
        "<results>/benchmarks/acquire/{scan}.jsonl"
    resources:
        mem_mb=4000,
        runtime=30,
    conda:
        "../../envs/srnet.yaml"
    script:
        "../scripts/acquire.py"
