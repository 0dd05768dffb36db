rule predict_floor:
    message:
        "Reconstruct the test set without learning: {wildcards.floor}"
    input:
        train="<results>/dataset/train.h5",
        test="<results>/dataset/test.h5",
    output:
        prediction="<results>/predictions/{floor}.h5",
    params:
        code=code("predict_floor"),
    log:
        "<results>/logs/predict_floor/{floor}.log",
    benchmark:
        "<results>/benchmarks/predict_floor/{floor}.jsonl"
    resources:
        mem_mb=8000,
        runtime=120,
    conda:
        "../../envs/srnet.yaml"
    script:
        "../scripts/predict_floor.py"


rule measure_flops:
    message:
        "Count the operations of {wildcards.method}"
    output:
        flops="<results>/flops/{method}.json",
    params:
        size=CONFIG.size,
        net=net_settings,
        code=net_code("measure_flops"),
    log:
        "<results>/logs/measure_flops/{method}.log",
    benchmark:
        "<results>/benchmarks/measure_flops/{method}.jsonl"
    resources:
        mem_mb=16000,
        runtime=30,
    conda:
        "../../envs/srnet.yaml"
    script:
        "../scripts/measure_flops.py"


rule evaluate:
    message:
        "Score {wildcards.row} on the test set"
    input:
        prediction="<results>/predictions/{row}.h5",
        test="<results>/dataset/test.h5",
        lpips=CONFIG.evaluate.lpips_files,
    output:
        scores="<results>/scores/{row}.tsv",
    params:
        evaluate=CONFIG.evaluate.plain(),
        code=code("evaluate"),
    log:
        "<results>/logs/evaluate/{row}.log",
    benchmark:
        "<results>/benchmarks/evaluate/{row}.jsonl"
    resources:
        mem_mb=8000,
        runtime=120,
    conda:
        "../../envs/srnet.yaml"
    script:
        "../scripts/evaluate.py"


def table_methods(wildcards):
    return getattr(CONFIG.tables, wildcards.table)


def table_scores(wildcards):
    return expand("<results>/scores/{row}.tsv", row=[*FLOORS, *table_methods(wildcards)])


def table_flops(wildcards):
    return expand("<results>/flops/{method}.json", method=table_methods(wildcards))


rule make_table:
    message:
        "Make {wildcards.table}"
    input:
        scores=table_scores,
        flops=table_flops,
        split="<results>/split.tsv",
        rejected="<results>/rejected.tsv",
    output:
        csv=report("<results>/{table}.csv", category="Tables"),
        markdown="<results>/{table}.md",
        latex="<results>/{table}.tex",
    params:
        methods=table_methods,
        code=code("make_table"),
    log:
        "<results>/logs/make_table/{table}.log",
    benchmark:
        "<results>/benchmarks/make_table/{table}.jsonl"
    conda:
        "../../envs/srnet.yaml"
    script:
        "../scripts/make_table.py"
