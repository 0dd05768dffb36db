rule render_overview:
    message:
        "Render truth against every method"
    input:
        test="<results>/dataset/test.h5",
        predictions=expand("<results>/predictions/{row}.h5", row=["ipf", *CONFIG.tables.table1]),
    output:
        figure=report("<results>/figures/overview.png", category="Figures"),
    params:
        code=code("render_overview"),
    log:
        "<results>/logs/render_overview.log",
    benchmark:
        "<results>/benchmarks/render_overview.jsonl"
    resources:
        mem_mb=4000,
        runtime=30,
    conda:
        "../../envs/srnet.yaml"
    script:
        "../scripts/render_overview.py"
