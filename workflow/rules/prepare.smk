rule separate_bone:
    input:
        ct="<results>/ct/{scan}.nii.gz",
    output:
        bone=temp("<results>/bone/{scan}.nii.gz"),
    log:
        "<results>/logs/separate_bone/{scan}.log",
    benchmark:
        "<results>/benchmarks/separate_bone/{scan}.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        bone=CONFIG.bone.plain(),
        code=code("separate_bone"),
    message:
        "Separate bone from soft tissue in {wildcards.scan}"
    script:
        "../scripts/separate_bone.py"


rule resample_volume:
    input:
        bone="<results>/bone/{scan}.nii.gz",
    output:
        volume="<results>/volume/{scan}.nii.gz",
    log:
        "<results>/logs/resample_volume/{scan}.log",
    benchmark:
        "<results>/benchmarks/resample_volume/{scan}.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        size=CONFIG.size,
        resample=CONFIG.resample.plain(),
        code=code("resample_volume"),
    message:
        "Resample {wildcards.scan} to {params.size} voxels a side"
    script:
        "../scripts/resample_volume.py"


rule project_drr:
    input:
        volume="<results>/volume/{scan}.nii.gz",
    output:
        ap="<results>/drr/{scan}/ap.png",
        lateral="<results>/drr/{scan}/lateral.png",
    log:
        "<results>/logs/project_drr/{scan}.log",
    benchmark:
        "<results>/benchmarks/project_drr/{scan}.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        drr=CONFIG.drr.plain(),
        code=code("project_drr"),
    message:
        "Project the AP and lateral DRR of {wildcards.scan}"
    script:
        "../scripts/project_drr.py"
