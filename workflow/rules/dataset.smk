rule split_cohort:
    input:
        products=expand("<results>/drr/{batch}.tsv", batch=BATCHES),
    output:
        split=report("<results>/split.tsv", category="Cohort"),
        rejected=report("<results>/rejected.tsv", category="Cohort"),
    log:
        "<results>/logs/split_cohort.log",
    benchmark:
        "<results>/benchmarks/split_cohort.jsonl"
    conda:
        "../../envs/srnet.yaml"
    params:
        scans=[scan_row(scan) for scan in SCANS.values()],
        counting=CONFIG.cohort.counting,
        split=CONFIG.split.plain(),
        seed=CONFIG.seed,
        code=code("split_cohort"),
    message:
        "Split the cohort by patient and list the rejected scans"
    script:
        "../scripts/split_cohort.py"


rule pack_dataset:
    input:
        split="<results>/split.tsv",
        products=expand("<results>/drr/{batch}.tsv", batch=BATCHES),
    output:
        dataset="<results>/dataset/{part}.h5",
    log:
        "<results>/logs/pack_dataset/{part}.log",
    benchmark:
        "<results>/benchmarks/pack_dataset/{part}.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=memory_mb(4000),
        runtime=60,
    params:
        drr=CONFIG.drr.plain(),
        code=code("pack_dataset"),
    message:
        "Pack the {wildcards.part} set into HDF5"
    script:
        "../scripts/pack_dataset.py"
