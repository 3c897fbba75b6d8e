"""Features of every stage of a trunk in one forward pass, against those of its last layer alone.

  python benchmarks/layer_features.py --target=folder:MY_IMAGES#train --image_size=64 --repeats=5

Both read the same images and keep what they make in a folder that is removed again. The network has random weights.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from timing import in_turn, parse, ratio, seconds

from sjft_tf.features import LayerFeatures, Place, keep_features, stages
from sjft_tf.images import ImageSet, View, open_image_set
from sjft_tf.models import build_trunk
from sjft_tf.parallel import cores


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="", help="an image set, e.g. folder:PATH#train")
    parser.add_argument("--images", type=int, default=1020, help="how many in memory, without --target")
    parser.add_argument("--trunk", default="MobileNetV2")
    parser.add_argument("--alpha", type=float, default=0.35)
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--pooling", default="average", help="average, max or grid:G")
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parse(parser, argv)
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {cores()} cores, {arguments.repeats} repeats")
    side, count = arguments.image_size, arguments.images
    if arguments.target:
        images = open_image_set(arguments.target)
    else:
        pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
        images = ImageSet.from_arrays("arrays", pixels, np.arange(count) % 102)
    trunk = build_trunk(arguments.trunk, side, alpha=arguments.alpha or None)
    found, view = stages(trunk), View(side, side)

    def stream(places: list[Place]) -> LayerFeatures:
        return LayerFeatures(trunk, places, arguments.pooling, view, arguments.batch_size)

    def keep(features: LayerFeatures) -> None:
        with tempfile.TemporaryDirectory() as folder:
            keep_features(Path(folder) / "features", features, images, {})

    every, last = stream(found), stream(found[-1:])
    times = in_turn({"every stage": lambda: keep(every), "last alone": lambda: keep(last)}, arguments.repeats)
    widths = ", ".join(f"{name} {width}" for name, width in every.widths.items())
    print(f"{arguments.trunk} {arguments.alpha or ''} at {side} px, {len(images)} images; {widths}")
    for name, taken in times.items():
        print(seconds(name, taken))
    print(ratio("every stage / last alone", times["every stage"], times["last alone"]))


if __name__ == "__main__":
    main()
