CASE_FILES = {
    "volume": "spine.nii.gz",
    "stl": "spine_mm.stl",
    "ply": "spine_mm.ply",
    "sidecar": "spine.json",
    "page": "view.html",
}


rule export_model:
    input:
        model="<results>/models/{method}/model.safetensors",
        train="<results>/dataset/train.h5",
        test="<results>/dataset/test.h5",
        split="<results>/split.tsv",
        prediction="<results>/predictions/{method}.h5",
        scores=lambda wildcards: expand(
            "<results>/scores/{row}.tsv", row=[wildcards.method, *BASELINES]
        ),
    output:
        files=expand("<results>/export/{{method}}/{name}", name=MODEL_FILES),
    log:
        "<results>/logs/export_model/{method}.log",
    benchmark:
        "<results>/benchmarks/export_model/{method}.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=memory_mb(8000),
        runtime=60,
    params:
        licences={name: scan.licence for name, scan in SCANS.items()},
        code=net_code("export_model"),
    message:
        "Export {wildcards.method} as a model folder"
    script:
        "../scripts/export_model.py"


if CASES:

    rule reconstruct_films:
        input:
            ap=lambda wildcards: named(film_files(wildcards)["ap"]),
            lateral=lambda wildcards: named(film_files(wildcards)["lateral"]),
            model=lambda wildcards: named(film_files(wildcards)["model"]),
        output:
            **{
                name: f"<results>/clinical/{{case}}/{file}"
                for name, file in CASE_FILES.items()
            },
            sheet=report(
                "<results>/clinical/{case}/sheet.png",
                caption="../report/clinical.rst",
                category="Films",
            ),
        log:
            "<results>/logs/reconstruct_films/{case}.log",
        benchmark:
            "<results>/benchmarks/reconstruct_films/{case}.jsonl"
        wildcard_constraints:
            case=one_of(CASES),
        conda:
            "../../envs/srnet.yaml"
        threads: 2
        resources:
            mem_mb=memory_mb(8000),
            runtime=30,
        params:
            case=lambda wildcards: CASES[wildcards.case].plain(),
            clinical=CONFIG.clinical.plain(),
            unnamed=lambda wildcards: unnamed(**film_files(wildcards)),
            code=clinical_code,
        message:
            "Reconstruct the films of {wildcards.case}"
        script:
            "../scripts/reconstruct_films.py"

    rule clinical:
        input:
            expand("<results>/clinical/{case}/sheet.png", case=CASES),
