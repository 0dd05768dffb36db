for batch, scans in BATCHES.items():

    rule:
        name:
            f"separate_bone__{batch}"
        input:
            ct=expand("<results>/ct/{scan}.nii.gz", scan=scans),
        output:
            bone=temp(expand("<results>/bone/{scan}.nii.gz", scan=scans)),
        log:
            f"<results>/logs/separate_bone/{batch}.log",
        benchmark:
            f"<results>/benchmarks/separate_bone/{batch}.jsonl"
        group:
            f"prepare_{batch}"
        conda:
            "../../envs/srnet.yaml"
        resources:
            mem_mb=memory_mb(4000),
            runtime=60,
        params:
            scans=scans,
            bone=CONFIG.bone.plain(),
            code=code("separate_bone"),
        message:
            f"Batch {batch}: separate bone from soft tissue in {count(scans)}"
        script:
            "../scripts/separate_bone.py"

    rule:
        name:
            f"resample_volume__{batch}"
        input:
            bone=expand("<results>/bone/{scan}.nii.gz", scan=scans),
        output:
            volume=expand("<results>/volume/{scan}.nii.gz", scan=scans),
        log:
            f"<results>/logs/resample_volume/{batch}.log",
        benchmark:
            f"<results>/benchmarks/resample_volume/{batch}.jsonl"
        group:
            f"prepare_{batch}"
        conda:
            "../../envs/srnet.yaml"
        resources:
            mem_mb=memory_mb(4000),
            runtime=60,
        params:
            scans=scans,
            size=CONFIG.size,
            resample=CONFIG.resample.plain(),
            code=code("resample_volume"),
        message:
            f"Batch {batch}: resample {count(scans)} to {CONFIG.size} voxels a side"
        script:
            "../scripts/resample_volume.py"

    rule:
        name:
            f"project_drr__{batch}"
        input:
            volume=expand("<results>/volume/{scan}.nii.gz", scan=scans),
        output:
            ap=expand("<results>/drr/{scan}/ap.png", scan=scans),
            lateral=expand("<results>/drr/{scan}/lateral.png", scan=scans),
        log:
            f"<results>/logs/project_drr/{batch}.log",
        benchmark:
            f"<results>/benchmarks/project_drr/{batch}.jsonl"
        group:
            f"prepare_{batch}"
        conda:
            "../../envs/srnet.yaml"
        resources:
            mem_mb=memory_mb(2000),
            runtime=60,
        params:
            scans=scans,
            drr=CONFIG.drr.plain(),
            code=code("project_drr"),
        message:
            f"Batch {batch}: project the AP and lateral DRR of {count(scans)}"
        script:
            "../scripts/project_drr.py"
