rule train:
    input:
        train="<results>/dataset/train.h5",
        validation="<results>/dataset/validation.h5",
    output:
        model="<results>/models/{method}/model.safetensors",
        history="<results>/models/{method}/history.csv",
    log:
        "<results>/logs/train/{method}.log",
    benchmark:
        "<results>/benchmarks/train/{method}.jsonl"
    conda:
        "../../envs/srnet.yaml"
    threads: share_of_cores
    resources:
        mem_mb=train_memory_mb,
        runtime=2880,
        gpu=CONFIG.gpus,
    params:
        size=CONFIG.size,
        net=net_settings,
        train=train_settings,
        seed=CONFIG.seed,
        code=net_code("train"),
    message:
        "Train {wildcards.method}"
    script:
        "../scripts/train.py"


rule predict:
    input:
        model="<results>/models/{method}/model.safetensors",
        test="<results>/dataset/test.h5",
    output:
        prediction="<results>/predictions/{method}.h5",
    log:
        "<results>/logs/predict/{method}.log",
    benchmark:
        "<results>/benchmarks/predict/{method}.jsonl"
    conda:
        "../../envs/srnet.yaml"
    threads: share_of_cores
    resources:
        mem_mb=memory_mb(16000),
        runtime=120,
        gpu=min(1, CONFIG.gpus),
    params:
        code=net_code("predict"),
    message:
        "Reconstruct the test set with {wildcards.method}"
    script:
        "../scripts/predict.py"
