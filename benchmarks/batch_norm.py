"""Training speed with our batch normalization, and with mixed statistics, against the stock layer: ratios of one run.

  python benchmarks/batch_norm.py --trunk=MobileNetV2 --alpha=0.35 --image_size=64 --batch_size=64 --repeats=7

All train on one prepared batch; the runs alternate, and ratios are taken pair by pair, because the machine may be busy
with something else at any time.
"""

from __future__ import annotations

import argparse
import time

import keras
import numpy as np
import tensorflow as tf
from timing import keep, parse

from sjft_tf.models import build_joint_model, build_trunk, mix_start_statistics
from sjft_tf.models import trunks as trunk_module


def model(arguments: argparse.Namespace, stock: bool, share: float = 0.0) -> keras.Model:
    """A compiled classifier on the trunk, with the stock batch normalization, or ours that mixes statistics."""
    replace = trunk_module.replace_batch_norm
    if stock:
        trunk_module.replace_batch_norm = lambda trunk, momentum=None: trunk
    try:
        trunk = build_trunk(arguments.trunk, arguments.image_size, alpha=arguments.alpha or None)
    finally:
        trunk_module.replace_batch_norm = replace
    if share:
        for layer in trunk.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.moving_mean.assign(layer.moving_mean + 0.1)  # as of a trunk that has seen images
        print(f"{mix_start_statistics(trunk, share)} layers mix")
    built = build_joint_model(trunk, 100, None)
    built.prepare({"target": 1.0})
    built.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    return built


def speed(compiled: keras.Model, batch: tuple, steps: int) -> float:
    """Images a second over `steps` training steps of one batch."""
    data = tf.data.Dataset.from_tensors(batch).repeat(steps).prefetch(2)
    begun = time.perf_counter()
    compiled.fit(data, epochs=1, verbose=0, shuffle=False)
    return steps * len(batch[0]) / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trunk", default="MobileNetV2")
    parser.add_argument("--alpha", type=float, default=0.35)
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parse(parser)
    rng = np.random.default_rng(0)
    shape = (arguments.batch_size, arguments.image_size, arguments.image_size, 3)
    batch = (rng.uniform(0, 255, shape).astype(np.float32), {"target": rng.integers(0, 100, arguments.batch_size)})
    models = {"stock": model(arguments, True), "ours": model(arguments, False), "mixed": model(arguments, False, 0.75)}
    for compiled in models.values():
        speed(compiled, batch, 5)
    found = {name: [] for name in models}
    for _ in range(arguments.repeats):
        for name, compiled in models.items():
            found[name].append(speed(compiled, batch, arguments.steps))
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {arguments.trunk} at {arguments.image_size} px")
    for name, values in found.items():
        print(f"{name:>6}: median {np.median(values):7.0f} images/s ({min(values):.0f} to {max(values):.0f})")
    for above, below in (("ours", "stock"), ("mixed", "ours")):
        ratios = np.array(found[above]) / np.array(found[below])
        keep(f"{above} / {below}", ratios)
        print(f"{above} / {below}: median {np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})")


if __name__ == "__main__":
    main()
