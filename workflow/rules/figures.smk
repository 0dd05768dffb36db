SEPARATED = SCANS.get(CONFIG.figures.separation_scan, next(iter(SCANS.values())))
# Pages of one arrangement, and the rows that stand in them. None asks for a row of another
# table: Figs 6 and the extremes train the methods of Table I, and nothing else.
COMPARED = {
    "fig6": CONFIG.tables.table1,
    "fig7": CONFIG.tables.table2,
    "fig8": CONFIG.tables.table3,
    "extremes": CONFIG.tables.table1,
}
ABLATIONS = [figure for figure in ("fig7", "fig8") if len(COMPARED[figure]) > 1]
PAGE_TABLES = [
    table for table in ("table1", "table2", "table3") if getattr(CONFIG.tables, table)
]
if LABELLED:
    PAGE_TABLES.append("regions")
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
        mem_mb=memory_mb(4000),
        runtime=30,
    params:
        names=NAMES,
        figures=CONFIG.figures.plain(),
        code=code("render_overview"),
    message:
        "Render truth against every method"
    script:
        "../scripts/render_overview.py"


rule render_fig5:
    input:
        files=named(SEPARATED.files),
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
        mem_mb=memory_mb(4000),
        runtime=30,
    params:
        figures=CONFIG.figures.plain(),
        scan=SEPARATED.plain(),
        unnamed=lambda wildcards: unnamed(files=SEPARATED.files),
        seed=CONFIG.seed,
        bone=CONFIG.bone.plain(),
        code=code("render_fig5", SOURCES[SEPARATED.source].__name__),
    message:
        "Render Fig. 5: the separation of bone in {params.scan[scan_id]}"
    script:
        "../scripts/render_fig5.py"


rule render_comparison:
    input:
        test="<results>/dataset/test.h5",
        predictions=lambda wildcards: expand(
            "<results>/predictions/{row}.h5", row=COMPARED[wildcards.comparison]
        ),
    output:
        figure=report(
            "<results>/figures/{comparison}.png",
            caption="../report/comparison.rst",
            category="Figures",
        ),
    log:
        "<results>/logs/render_comparison/{comparison}.log",
    benchmark:
        "<results>/benchmarks/render_comparison/{comparison}.jsonl"
    wildcard_constraints:
        comparison=one_of(COMPARED),
    conda:
        "../../envs/srnet.yaml"
    resources:
        mem_mb=memory_mb(4000),
        runtime=30,
    params:
        names=NAMES,
        figures=CONFIG.figures.plain(),
        level=CONFIG.evaluate.bone_threshold,
        caption=lambda wildcards: caption(wildcards.comparison),
        code=code("render_comparison"),
    message:
        "Render {wildcards.comparison}: reconstructions beside the truth"
    script:
        "../scripts/render_comparison.py"


rule render_scores:
    input:
        scores=expand(
            "<results>/scores/{row}.tsv", row=[*BASELINES, *CONFIG.tables.table1]
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
        mem_mb=memory_mb(4000),
        runtime=30,
    params:
        names=NAMES,
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
        mem_mb=memory_mb(4000),
        runtime=30,
    params:
        names=NAMES,
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
        mem_mb=memory_mb(4000),
        runtime=30,
    params:
        names=NAMES,
        figures=CONFIG.figures.plain(),
        captions={figure: caption(figure) for figure in FIGURES},
        code=code("make_page"),
    message:
        "Make the page with tables, figures and viewer"
    script:
        "../scripts/make_page.py"
