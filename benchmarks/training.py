"""Joint training against the stock model in a stock `fit`, in images a second, as a ratio within one run.

  python benchmarks/training.py --trunk=MobileNetV2 --alpha=0.35 --image_size=96 --batch_size=64
  python benchmarks/training.py --trunk=ResNet50 --image_size=64 --batch_size=64 --steps=4

Ours is what scripts/train.py runs: in-memory images drawn in pairs, shifted, mirrored and batched by the package's
input stream, and its own training step. The stock side is the keras.applications model with the same two heads,
Keras's own losses, sample weights of 0 for rows of the other domain, and one prepared batch fed again and again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf
from timing import in_turn, parse, ratio, seconds

from sjft_tf.config import RunConfig
from sjft_tf.images import BatchPlan, ImageSet, SourceStream, joint_dataset, untuned
from sjft_tf.models import build_joint_model, build_trunk
from sjft_tf.selection import Selector, SourceClasses
from sjft_tf.training import augmentation, compile_joint

TARGET_CLASSES, SOURCE_CLASSES, NUMBER, K = 102, 200, 2048, 20


def settings(arguments: argparse.Namespace) -> RunConfig:
    """The run's settings as flags would give them."""
    plain, size = RunConfig(), arguments.image_size
    return replace(
        plain,
        view=replace(plain.view, image_size=size, resize=size, pad=size // 8),
        training=replace(
            plain.training, batch_size=arguments.batch_size, steps_per_round=arguments.steps, jit=arguments.jit
        ),
    )


def ours(arguments: argparse.Namespace, source: bool = True) -> Callable[[], object]:
    """A fit of `steps` steps by the package's stream and step."""
    config, rng, size = settings(arguments), np.random.default_rng(0), arguments.image_size
    sets = [
        ImageSet.from_arrays(
            name, rng.integers(0, 256, (NUMBER, size, size, 3), np.uint8), rng.permutation(NUMBER) % classes
        )
        for name, classes in (("target", TARGET_CLASSES), ("source", SOURCE_CLASSES))
    ]
    neighbors = rng.integers(0, NUMBER, (NUMBER, K)).astype(np.int32)
    selector = Selector("nearest", neighbors, NUMBER, SourceClasses(sets[1].labels, SOURCE_CLASSES))
    borrowed = selector.borrow(np.full(NUMBER, K, np.int32))
    trunk = build_trunk(arguments.trunk, size, alpha=arguments.alpha or None)
    model = build_joint_model(trunk, TARGET_CLASSES, SOURCE_CLASSES)
    compile_joint(model, config.training, config.model)
    begun = 0

    def run() -> object:
        nonlocal begun
        batches = joint_dataset(
            sets[0],
            SourceStream(sets[1], borrowed.pools, borrowed.source_labels),
            augmentation(config.view, config.augmentation),
            BatchPlan(arguments.batch_size, begun, arguments.steps),
            seed=0,
        )
        begun += arguments.steps
        return model.fit(batches, epochs=1, steps_per_epoch=arguments.steps, verbose=0, shuffle=False)

    return run


def stock(arguments: argparse.Namespace) -> Callable[[], object]:
    """A fit of `steps` steps of the stock model on one prepared batch."""
    rng, size, half = np.random.default_rng(0), arguments.image_size, arguments.batch_size
    inputs = keras.Input((size, size, 3))
    options = {"alpha": arguments.alpha} if arguments.alpha else {}
    application = getattr(keras.applications, arguments.trunk)
    scaled = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
    trunk = application(include_top=False, weights=None, input_tensor=scaled, pooling="avg", **options)
    heads = {
        "target": keras.layers.Dense(TARGET_CLASSES, name="target")(trunk.output),
        "source": keras.layers.Dense(SOURCE_CLASSES, name="source")(trunk.output),
    }
    model = keras.Model(inputs, heads)
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        loss={name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in heads},
        weighted_metrics={name: ["accuracy"] for name in heads},
    )
    batch = (
        rng.uniform(0, 255, (2 * half, size, size, 3)).astype(np.float32),
        {name: rng.integers(0, 100, 2 * half) for name in heads},
        {"target": np.repeat([1.0, 0.0], half), "source": np.repeat([0.0, 1.0], half)},
    )
    # Untuned as ours is: ending TensorFlow's tuner leaves the cores idle for seconds, once a fit, however long.
    data = untuned(tf.data.Dataset.from_tensors(batch).repeat(arguments.steps).prefetch(2))
    return lambda: model.fit(data, epochs=1, verbose=0, shuffle=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trunk", default="MobileNetV2")
    parser.add_argument("--alpha", type=float, default=0.0, help="width of a MobileNet")
    parser.add_argument("--image_size", type=int, default=96)
    parser.add_argument("--batch_size", type=int, default=64, help="target images a step; as many source images")
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--jit", action="store_true", help="ours compiled by XLA")
    arguments = parse(parser)
    times = in_turn({"stock": stock(arguments), "ours": ours(arguments)}, arguments.repeats)
    images = 2 * arguments.batch_size * arguments.steps
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {arguments.trunk} at {arguments.image_size} px")
    for name, found in times.items():
        print(f"{seconds(name, found)}, {images / np.median(found[:, 0]):.0f} images/s")
    print(ratio("stock / ours", times["stock"], times["ours"]))


if __name__ == "__main__":
    main()
