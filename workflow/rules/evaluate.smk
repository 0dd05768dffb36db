rule predict_baseline:
    input:
        train="<results>/dataset/train.h5",
        test="<results>/dataset/test.h5",
    output:
        prediction="<results>/predictions/{baseline}.h5",
    log:
        "<results>/logs/predict_baseline/{baseline}.log",
    benchmark:
        "<results>/benchmarks/predict_baseline/{baseline}.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=memory_mb(8000),
        runtime=120,
    params:
        code=code("predict_baseline"),
    message:
        "Reconstruct the test set without learning: {wildcards.baseline}"
    script:
        "../scripts/predict_baseline.py"


rule measure_flops:
    output:
        flops="<results>/flops.json",
    log:
        "<results>/logs/measure_flops.log",
    benchmark:
        "<results>/benchmarks/measure_flops.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=memory_mb(2000),
        runtime=30,
    params:
        size=CONFIG.size,
        nets={method: CONFIG.net(method).plain() for method in METHODS},
        code=lambda wildcards: nets_code("measure_flops", METHODS),
    message:
        "Count the operations of every method"
    script:
        "../scripts/measure_flops.py"


rule fetch_lpips:
    output:
        weights=LPIPS_FETCHED,
    log:
        "<results>/logs/fetch_lpips.log",
    benchmark:
        "<results>/benchmarks/fetch_lpips.jsonl"
    retries: 3
    conda:
        "../../envs/srnet.yaml"
    params:
        code=code("fetch_lpips"),
    message:
        "Fetch the trained features of LPIPS"
    script:
        "../scripts/fetch_lpips.py"


rule evaluate:
    input:
        prediction="<results>/predictions/{row}.h5",
        test="<results>/dataset/test.h5",
        lpips=named(CONFIG.evaluate.lpips_files),
    output:
        scores="<results>/scores/{row}.tsv",
    log:
        "<results>/logs/evaluate/{row}.log",
    benchmark:
        "<results>/benchmarks/evaluate/{row}.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=memory_mb(8000),
        runtime=120,
    params:
        evaluate=CONFIG.evaluate.plain(),
        unnamed=lambda wildcards: unnamed(lpips=CONFIG.evaluate.lpips_files),
        code=code("evaluate"),
    message:
        "Score {wildcards.row} on the test set"
    script:
        "../scripts/evaluate.py"


rule score_regions:
    input:
        test="<results>/dataset/test.h5",
        predictions=expand(
            "<results>/predictions/{row}.h5", row=[*BASELINES, *TABLES.table1]
        ),
        labels=named(LABEL_FILES),
    output:
        scores="<results>/regions.tsv",
        csv=report("<results>/regions.csv", category="Tables"),
        markdown="<results>/regions.md",
        latex="<results>/regions.tex",
        html="<results>/regions.html",
    log:
        "<results>/logs/score_regions.log",
    benchmark:
        "<results>/benchmarks/score_regions.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=memory_mb(8000),
        runtime=240,
    params:
        names=NAMES,
        labelled=[labelled_row(scan) for scan in LABELLED],
        unnamed=lambda wildcards: unnamed(labels=LABEL_FILES),
        seed=CONFIG.seed,
        bone_threshold=CONFIG.evaluate.bone_threshold,
        # Labels lie in files or are generated: no other source has code for them.
        code=code("score_regions", SOURCES["phantom"].__name__),
    message:
        "Score the rows of Table I by vertebra and region"
    script:
        "../scripts/score_regions.py"


rule compare_methods:
    input:
        scores=expand("<results>/scores/{row}.tsv", row=[*BASELINES, *METHODS]),
    output:
        scores="<results>/scores.tsv",
        comparison=report("<results>/comparison.tsv", category="Tables"),
    log:
        "<results>/logs/compare_methods.log",
    benchmark:
        "<results>/benchmarks/compare_methods.jsonl"
    conda:
        "../../envs/srnet.yaml"
    params:
        references=whole_methods(),
        code=code("compare_methods"),
    message:
        "Compare every row of the tables with 3DSRNet"
    script:
        "../scripts/compare_methods.py"


rule make_table:
    input:
        scores=table_scores,
        flops="<results>/flops.json",
        split="<results>/split.tsv",
        rejected="<results>/rejected.tsv",
    output:
        csv=report("<results>/{table}.csv", category="Tables"),
        markdown="<results>/{table}.md",
        latex="<results>/{table}.tex",
        html="<results>/{table}.html",
    log:
        "<results>/logs/make_table/{table}.log",
    benchmark:
        "<results>/benchmarks/make_table/{table}.jsonl"
    conda:
        "../../envs/srnet.yaml"
    params:
        names=NAMES,
        methods=table_rows,
        size=CONFIG.size,
        code=code("make_table"),
    message:
        "Make {wildcards.table}"
    script:
        "../scripts/make_table.py"
