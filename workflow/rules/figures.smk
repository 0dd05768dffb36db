rule render_overview:
    input:
        test="<results>/dataset/test.h5",
        predictions=expand(
            "<results>/predictions/{row}.h5", row=["ipf", *CONFIG.tables.table1]
        ),
    output:
        figure=report("<results>/figures/overview.png", category="Figures"),
    log:
        "<results>/logs/render_overview.log",
    benchmark:
        "<results>/benchmarks/render_overview.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        figures=CONFIG.figures.plain(),
        code=code("render_overview"),
    message:
        "Render truth against every method"
    script:
        "../scripts/render_overview.py"
