rule separate_bone:
    input:
        ct="<results>/ct/{batch}",
        products="<results>/ct/{batch}.tsv",
    output:
        bone=temp(directory("<results>/bone/{batch}")),
        products="<results>/bone/{batch}.tsv",
    log:
        "<results>/logs/separate_bone/{batch}.log",
    benchmark:
        "<results>/benchmarks/separate_bone/{batch}.jsonl"
    group:
        "prepare_{batch}"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=memory_mb(4000),
        runtime=60,
    params:
        scans=batch_scan_ids,
        bone=CONFIG.bone.plain(),
        code=code("separate_bone"),
    message:
        "Separate bone from soft tissue in the CTs of batch {wildcards.batch}"
    script:
        "../scripts/separate_bone.py"


rule resample_volume:
    input:
        bone="<results>/bone/{batch}",
        products="<results>/bone/{batch}.tsv",
    output:
        products="<results>/volume/{batch}.tsv",
    log:
        "<results>/logs/resample_volume/{batch}.log",
    benchmark:
        "<results>/benchmarks/resample_volume/{batch}.jsonl"
    group:
        "prepare_{batch}"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=memory_mb(4000),
        runtime=60,
    params:
        scans=batch_scan_ids,
        size=CONFIG.size,
        resample=CONFIG.resample.plain(),
        code=code("resample_volume"),
    message:
        "Resample the bone volumes of batch {wildcards.batch}"
    script:
        "../scripts/resample_volume.py"


rule project_drr:
    input:
        products="<results>/volume/{batch}.tsv",
    output:
        products="<results>/drr/{batch}.tsv",
    log:
        "<results>/logs/project_drr/{batch}.log",
    benchmark:
        "<results>/benchmarks/project_drr/{batch}.jsonl"
    group:
        "prepare_{batch}"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=memory_mb(2000),
        runtime=60,
    params:
        scans=batch_scan_ids,
        drr=CONFIG.drr.plain(),
        code=code("project_drr"),
    message:
        "Project the AP and the lateral DRRs of batch {wildcards.batch}"
    script:
        "../scripts/project_drr.py"
