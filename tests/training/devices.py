"""Run by test_distribution.py in processes of its own, since devices are set up before TensorFlow's first operation.

    devices.py mirrored OUT.npz        trains on one and on two logical CPUs
    devices.py worker OUT.npz          trains as TF_CONFIG says; rounds are written beside OUT

It leaves the figures as arrays, named CASE/DEVICES/WHAT.
"""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import BatchPlan, ImageSet, SourceStream, View, joint_dataset
from sjft_tf.models import ResumableDropout, Scorer, build_joint_model, build_trunk
from sjft_tf.training import (
    ALONE,
    CheckpointPolicy,
    Cluster,
    RoundHooks,
    RoundSettings,
    TrainingSets,
    augmentation,
    compile_joint,
    make_selector,
    open_cluster,
    train_rounds,
)

SIZE, TARGETS, SOURCES = 8, 9, 20
PLAIN = RunConfig()
CONFIG = replace(
    PLAIN,
    data=replace(PLAIN.data, target="target", source=["source"]),
    view=replace(PLAIN.view, image_size=SIZE, resize=SIZE, mirror=False),
    selection=replace(PLAIN.selection, selector="nearest", k0="2"),
    model=replace(PLAIN.model, trunk="preact_resnet", weights="none", depth=8, width=2, freeze_batch_norm=True),
    training=replace(PLAIN.training, rounds=2, steps_per_round=3, batch_size=4, eval_batch_size=8),
)


def changed(config: RunConfig, section: str, **values) -> RunConfig:
    return config.replace(section, **values)


def images() -> TrainingSets:
    """9 target images of 3 classes and 20 source images of 4, of which one has no label in the head's space."""
    rng = np.random.default_rng(5)
    target = rng.integers(0, 256, (TARGETS, SIZE, SIZE, 3), dtype=np.uint8)
    source = rng.integers(0, 256, (SOURCES, SIZE, SIZE, 3), dtype=np.uint8)
    return TrainingSets(
        ImageSet.from_arrays("target", target, np.arange(TARGETS) % 3),
        ImageSet.from_arrays("source", source, np.arange(SOURCES) % 4),
        np.stack([rng.permutation(SOURCES) for _ in range(TARGETS)]).astype(np.int32),
    )


def model_on(cluster: Cluster, config: RunConfig) -> keras.Model:
    """A joint model of the same weights in every call."""
    keras.utils.set_random_seed(3)
    with cluster.building():
        trunk = build_trunk("preact_resnet", SIZE, depth=8, width=config.model.width)
        return build_joint_model(trunk, 3, 4)


class Losses(keras.callbacks.Callback):
    """The loss of every single step."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, float]] = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append({name: float(value) for name, value in logs.items()})


def steps(config: RunConfig, cluster: Cluster, count: int) -> dict[str, np.ndarray]:
    """Losses of `count` single steps, and the weights after them."""
    sets = images()
    model = model_on(cluster, config)
    with cluster.scope():
        weights = np.array([2.0, 1.0, 0.2]) if config.training.class_weight == "balanced" else None
        compile_joint(model, config.training, config.model, class_weights=weights)
    selector = make_selector(config.selection, sets, config.training.seed)
    # Source rows without a label: the replicas have different numbers of valid rows.
    borrowing = selector.borrow(np.full(TARGETS, 2))
    labels = np.where(np.arange(SOURCES) % 3, borrowing.source_labels, -1)
    stream = lambda shard: joint_dataset(  # noqa: E731
        sets.target,
        SourceStream(sets.source, borrowing.pools, labels),
        augmentation(config.view, config.augmentation),
        BatchPlan(config.training.batch_size, 0, count, shard, config.training.accumulate),
        seed=0,
    )
    losses = Losses()
    model.fit(cluster.distribute(stream), steps_per_epoch=count, verbose=0, shuffle=False, callbacks=[losses])
    cluster.join(model)
    figures = {name: np.array([step[name] for step in losses.seen]) for name in losses.seen[0]}
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    figures |= {"first mean": first.moving_mean.numpy(), "steps": model.optimizer.iterations.numpy()}
    return figures | {"weights": flat(model.weights)}


def whole_run(config: RunConfig, cluster: Cluster, folder: Path) -> dict[str, np.ndarray]:
    """K of the target images after all rounds, and the weights."""
    model = model_on(cluster, config)
    scorer = Scorer(model, View(SIZE, SIZE), config.training.eval_batch_size)
    counts = []
    hooks = RoundHooks(after_round=lambda state, *_: counts.append(state.counts))
    train_rounds(RoundSettings.of(config), model, scorer, images(), CheckpointPolicy(folder, {}), hooks, cluster)
    return {"counts": np.array(counts), "weights": flat(model.weights)}


def flat(variables) -> np.ndarray:
    return np.concatenate([np.ravel(v.numpy()) for v in variables])


RUN = changed(
    CONFIG,
    "training",
    recompute_batch_norm=2,
    average_weights=0.9,
    steps_per_execution=3,
    sampling="balanced",
    early_stopping=9,  # asked of the chief after each round, and never over
)
CASES = {
    "plain": (CONFIG, 20),
    "all": (
        changed(
            changed(CONFIG, "model", freeze="stem"),
            "training",
            accumulate=2,
            clip_norm=0.5,
            average_weights=0.9,
            label_smoothing=0.1,
            class_weight="balanced",
            l2_sp=0.01,
            optimizer="adam",
            learning_rate=1e-3,
        ),
        3,
    ),
    "batch norm": (changed(changed(CONFIG, "model", freeze_batch_norm=False), "training", accumulate=2), 1),
}


def opened(strategy: str, **options) -> Cluster:
    config = changed(CONFIG, "distribution", strategy=strategy, **options)
    return open_cluster(config.distribution, config.training.batch_size)


def mirrored(out: Path) -> None:
    part = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [part, part])
    two = opened("mirrored", logical_cpus=2)
    assert two.replicas == 2
    results = {}
    for name, (config, count) in CASES.items():
        for cluster in (ALONE, two):
            for what, value in steps(config, cluster, count).items():
                results[f"{name}/{cluster.replicas}/{what}"] = value
    for cluster in (ALONE, two):
        for what, value in whole_run(RUN, cluster, out.parent / f"rounds{cluster.replicas}").items():
            results[f"run/{cluster.replicas}/{what}"] = value
    np.savez(out, **results, **dropped(two))


def dropped(two: Cluster) -> dict[str, np.ndarray]:
    """What one device and each of two replicas keep in two calls of a dropout layer, and the states after them."""
    outputs = {}
    for cluster in (ALONE, two):
        keras.utils.set_random_seed(3)
        with cluster.building():
            layer = ResumableDropout(0.5)
            layer.build((None, 50))
        for call in range(2):
            run = cluster.strategy.run if cluster.strategy else lambda function: function()
            out = run(lambda layer=layer: layer(tf.ones([1, 50]), training=True))
            every = cluster.strategy.experimental_local_results(out) if cluster.strategy else [out]
            outputs[f"dropout/{cluster.replicas}/{call}"] = np.concatenate(every)
        outputs[f"dropout/{cluster.replicas}/state"] = layer.state.numpy()
    return outputs


def worker(out: Path) -> None:
    cluster = opened("multi_worker")
    results = {f"plain/{what}": value for what, value in steps(CONFIG, cluster, 6).items()}
    sent = np.array([0.0, -0.0, np.nan, 1e-45, np.inf])
    arrays = cluster.once(lambda: {"floats": sent, "odd": np.arange(3, dtype=np.uint8), "empty": np.zeros((0, 2))})
    results |= {f"sent/{name}": value for name, value in arrays.items()}
    try:
        cluster.once(refused)
    except InputError as error:
        results["error"] = np.array(str(error))
    try:
        cluster.check_equal({"images": "same", "flags": str(cluster.is_chief)})
    except InputError as error:
        results["differs"] = np.array(str(error))
    # A run, and its last round once more, which only the chief can read.
    folder = out.parent / out.stem
    results |= {f"run/{what}": value for what, value in whole_run(RUN, cluster, folder).items()}
    if cluster.is_chief:
        shutil.rmtree(folder / "01")
    results |= {f"again/{what}": value for what, value in whole_run(RUN, cluster, folder).items()}
    np.savez(out, **results)
    cluster.once(dict)


def refused() -> dict[str, np.ndarray]:
    raise InputError("no such images")


if __name__ == "__main__":
    {"mirrored": mirrored, "worker": worker}[sys.argv[1]](Path(sys.argv[2]))
