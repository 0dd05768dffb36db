REPORT = RULES.parent / "report"
SEPARATED = SCANS.get(CONFIG.figures.separation_scan, next(iter(SCANS.values())))
ABLATIONS = {
    figure: rows
    for figure, rows in {
        "fig7": CONFIG.tables.table2,
        "fig8": CONFIG.tables.table3,
    }.items()
    if len(rows) > 1
}
PAGE_TABLES = [
    table for table in ("table1", "table2", "table3") if getattr(CONFIG.tables, table)
]
FIGURES = ["overview", "fig6", *ABLATIONS, "extremes", "scores", "learning", "fig5"]


rule render_overview:
    input:
        test="<results>/dataset/test.h5",
        predictions=expand(
            "<results>/predictions/{row}.h5", row=["ipf", *CONFIG.tables.table1]
        ),
    output:
        figure=report(
            "<results>/figures/overview.png",
            caption="../report/overview.rst",
            category="Figures",
        ),
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


rule render_fig5:
    input:
        files=SEPARATED.files,
    output:
        figure=report(
            "<results>/figures/fig5.png",
            caption="../report/fig5.rst",
            category="Figures",
        ),
    log:
        "<results>/logs/render_fig5.log",
    benchmark:
        "<results>/benchmarks/render_fig5.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        figures=CONFIG.figures.plain(),
        scan=SEPARATED.plain(),
        seed=CONFIG.seed,
        bone=CONFIG.bone.plain(),
        code=code("render_fig5", SOURCES[SEPARATED.source]),
    message:
        "Render Fig. 5: the separation of bone in {params.scan[scan_id]}"
    script:
        "../scripts/render_fig5.py"


rule render_fig6:
    input:
        test="<results>/dataset/test.h5",
        predictions=expand("<results>/predictions/{row}.h5", row=CONFIG.tables.table1),
    output:
        figure=report(
            "<results>/figures/fig6.png",
            caption="../report/fig6.rst",
            category="Figures",
        ),
    log:
        "<results>/logs/render_fig6.log",
    benchmark:
        "<results>/benchmarks/render_fig6.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        figures=CONFIG.figures.plain(),
        level=CONFIG.evaluate.bone_threshold,
        code=code("render_fig6"),
    message:
        "Render Fig. 6: every method on one test scan"
    script:
        "../scripts/render_fig6.py"


rule render_fig7:
    input:
        test="<results>/dataset/test.h5",
        predictions=expand("<results>/predictions/{row}.h5", row=CONFIG.tables.table2),
    output:
        figure=report(
            "<results>/figures/fig7.png",
            caption="../report/fig7.rst",
            category="Figures",
        ),
    log:
        "<results>/logs/render_fig7.log",
    benchmark:
        "<results>/benchmarks/render_fig7.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        figures=CONFIG.figures.plain(),
        level=CONFIG.evaluate.bone_threshold,
        code=code("render_fig7"),
    message:
        "Render Fig. 7: the ablation of modules"
    script:
        "../scripts/render_fig7.py"


rule render_fig8:
    input:
        test="<results>/dataset/test.h5",
        predictions=expand("<results>/predictions/{row}.h5", row=CONFIG.tables.table3),
    output:
        figure=report(
            "<results>/figures/fig8.png",
            caption="../report/fig8.rst",
            category="Figures",
        ),
    log:
        "<results>/logs/render_fig8.log",
    benchmark:
        "<results>/benchmarks/render_fig8.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        figures=CONFIG.figures.plain(),
        level=CONFIG.evaluate.bone_threshold,
        code=code("render_fig8"),
    message:
        "Render Fig. 8: the ablation of losses"
    script:
        "../scripts/render_fig8.py"


rule render_extremes:
    input:
        test="<results>/dataset/test.h5",
        predictions=expand("<results>/predictions/{row}.h5", row=CONFIG.tables.table1),
    output:
        figure=report(
            "<results>/figures/extremes.png",
            caption="../report/extremes.rst",
            category="Figures",
        ),
    log:
        "<results>/logs/render_extremes.log",
    benchmark:
        "<results>/benchmarks/render_extremes.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        figures=CONFIG.figures.plain(),
        level=CONFIG.evaluate.bone_threshold,
        code=code("render_extremes"),
    message:
        "Render the best, the median and the worst reconstruction"
    script:
        "../scripts/render_extremes.py"


rule render_scores:
    input:
        scores=expand(
            "<results>/scores/{row}.tsv", row=[*FLOORS, *CONFIG.tables.table1]
        ),
    output:
        figure=report(
            "<results>/figures/scores.png",
            caption="../report/scores.rst",
            category="Figures",
        ),
    log:
        "<results>/logs/render_scores.log",
    benchmark:
        "<results>/benchmarks/render_scores.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        figures=CONFIG.figures.plain(),
        code=code("render_scores"),
    message:
        "Render the scores of every test scan"
    script:
        "../scripts/render_scores.py"


rule render_learning:
    input:
        histories=expand(
            "<results>/models/{method}/history.csv", method=CONFIG.tables.table1
        ),
    output:
        figure=report(
            "<results>/figures/learning.png",
            caption="../report/learning.rst",
            category="Figures",
        ),
    log:
        "<results>/logs/render_learning.log",
    benchmark:
        "<results>/benchmarks/render_learning.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        figures=CONFIG.figures.plain(),
        code=code("render_learning"),
    message:
        "Render the learning curves of every method"
    script:
        "../scripts/render_learning.py"


rule make_page:
    input:
        tables=expand("<results>/{table}.html", table=PAGE_TABLES),
        figures=expand("<results>/figures/{name}.png", name=FIGURES),
        test="<results>/dataset/test.h5",
        predictions=expand("<results>/predictions/{row}.h5", row=CONFIG.tables.table1),
    output:
        page=report(
            "<results>/index.html", caption="../report/page.rst", category="Page"
        ),
    log:
        "<results>/logs/make_page.log",
    benchmark:
        "<results>/benchmarks/make_page.jsonl"
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        figures=CONFIG.figures.plain(),
        captions={
            name: (REPORT / f"{name}.rst").read_text(encoding="utf-8")
            for name in FIGURES
        },
        code=code("make_page"),
    message:
        "Make the page with tables, figures and viewer"
    script:
        "../scripts/make_page.py"
