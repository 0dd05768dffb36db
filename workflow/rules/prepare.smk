rule separate_bone:
    message:
        "Separate bone from soft tissue in {wildcards.scan}"
    input:
        ct="<results>/ct/{scan}.nii.gz",
    output:
        bone=temp("<results>/bone/{scan}.nii.gz"),
    params:
        bone=CONFIG.bone.plain(),
        code=code("separate_bone"),
    log:
        "<results>/logs/separate_bone/{scan}.log",
    benchmark:
        "<results>/benchmarks/separate_bone/{scan}.jsonl"
    resources:
        mem_mb=4000,
        runtime=30,
    conda:
        "../../envs/srnet.yaml"
    script:
        "../scripts/separate_bone.py"


rule resample_volume:
    message:
        "Resample {wildcards.scan} to {params.size} voxels a side"
    input:
        bone="<results>/bone/{scan}.nii.gz",
    output:
        volume="<results>/volume/{scan}.nii.gz",
    params:
        size=CONFIG.size,
        resample=CONFIG.resample.plain(),
        code=code("resample_volume"),
    log:
        "<results>/logs/resample_volume/{scan}.log",
    benchmark:
        "<results>/benchmarks/resample_volume/{scan}.jsonl"
    resources:
        mem_mb=4000,
        runtime=30,
    conda:
        "../../envs/srnet.yaml"
    script:
        "../scripts/resample_volume.py"


rule project_drr:
    message:
        "Project the AP and lateral DRR of {wildcards.scan}"
    input:
        volume="<results>/volume/{scan}.nii.gz",
    output:
        ap="<results>/drr/{scan}/ap.png",
        lateral="<results>/drr/{scan}/lateral.png",
    params:
        drr=CONFIG.drr.plain(),
        code=code("project_drr"),
    log:
        "<results>/logs/project_drr/{scan}.log",
    benchmark:
        "<results>/benchmarks/project_drr/{scan}.jsonl"
    resources:
        mem_mb=2000,
        runtime=30,
    conda:
        "../../envs/srnet.yaml"
    script:
        "../scripts/project_drr.py"
