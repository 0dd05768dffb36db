def net_settings(wildcards):
    return CONFIG.net(wildcards.method).plain()


def train_settings(wildcards):
    return CONFIG.training(wildcards.method).plain()


rule train:
    message:
        "Train {wildcards.method}"
    input:
        train="<results>/dataset/train.h5",
        validation="<results>/dataset/validation.h5",
    output:
        model="<results>/models/{method}/model.safetensors",
        history="<results>/models/{method}/history.csv",
    params:
        size=CONFIG.size,
        net=net_settings,
        train=train_settings,
        seed=CONFIG.seed,
        code=net_code("train"),
    log:
        "<results>/logs/train/{method}.log",
    benchmark:
        "<results>/benchmarks/train/{method}.jsonl"
    threads: 2
    resources:
        mem_mb=16000,
        runtime=2880,
        gpu=CONFIG.gpus,
    conda:
        "../../envs/srnet.yaml"
    script:
        "../scripts/train.py"


rule predict:
    message:
        "Reconstruct the test set with {wildcards.method}"
    input:
        model="<results>/models/{method}/model.safetensors",
        test="<results>/dataset/test.h5",
    output:
        prediction="<results>/predictions/{method}.h5",
    params:
        code=net_code("predict"),
    log:
        "<results>/logs/predict/{method}.log",
    benchmark:
        "<results>/benchmarks/predict/{method}.jsonl"
    threads: 2
    resources:
        mem_mb=16000,
        runtime=120,
        gpu=CONFIG.gpus,
    conda:
        "../../envs/srnet.yaml"
    script:
        "../scripts/predict.py"
