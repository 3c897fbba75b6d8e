"""Scoring between two fits: a whole image set against the bare forward pass, and the expansion of the neighbors.

  python benchmarks/scoring.py --target=folder:MY_IMAGES#train --image_size=64 --repeats=9

Bare is the compiled forward pass over one prepared batch, as often as the set has batches; the answers are fetched
and thrown away. Against it: the scorer over the image files of --target (without it: none), the first time and when it
has seen them before, and over as many images held in memory. The network has random weights. Then, for --targets
images with lists of --k: their hardness, the update of K, and what is borrowed with it.
"""

from __future__ import annotations

import argparse

import keras
import numpy as np
import tensorflow as tf
from timing import in_turn, keep, parse, ratio, seconds

from sjft_tf.images import ImageSet, View, open_image_set
from sjft_tf.models import Scorer, build_joint_model, build_trunk
from sjft_tf.parallel import cores
from sjft_tf.selection import Selector, SourceClasses, hardness, update_counts


def scoring(arguments: argparse.Namespace) -> None:
    """Images a second of the scorer and of the bare forward pass."""
    side, size = arguments.image_size, arguments.batch_size
    trunk = build_trunk(arguments.trunk, side, alpha=arguments.alpha or None)
    model = build_joint_model(trunk, 102, 200)
    rng = np.random.default_rng(0)
    files = open_image_set(arguments.target) if arguments.target else None
    count = arguments.images if files is None else len(files)
    stored = ImageSet.from_arrays(
        "arrays", rng.integers(0, 256, (count, arguments.stored, arguments.stored, 3), np.uint8), np.arange(count) % 102
    )
    view, batches = View(side, side), -(-count // size)
    prepared = tf.constant(rng.uniform(0, 255, (size, side, side, 3)), tf.float32)
    inference = keras.Model(model.input, model.output["target"])

    @tf.function
    def forward(images: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(inference(images, training=False))

    def bare() -> None:
        for _ in range(batches):
            forward(prepared).numpy()

    runs = {"bare": bare}
    for name, images in (("files", files), ("arrays", stored)):
        if images is not None:
            known = Scorer(model, view, size, cache_mb=256)
            unknown = Scorer(model, view, size)
            runs[f"{name}, first time"] = lambda unknown=unknown, images=images: unknown(images)
            runs[f"{name}, again"] = lambda known=known, images=images: known(images)
    times = in_turn(runs, arguments.repeats)
    print(f"{arguments.trunk} {arguments.alpha or ''} at {side} px, {count} images in batches of {size}")
    for name, found in times.items():
        print(seconds(name, found), f"{count / np.median(found[:, 0]):.0f} images/s")
    for name in list(times)[1:]:
        # A full batch is what the bare pass times; the last one of a set may be shorter.
        share = batches * size / count
        print(ratio(f"images/s, {name} / bare", times["bare"] / share, times[name]))


def expansion(arguments: argparse.Namespace) -> None:
    """Seconds from the probabilities to what is borrowed next."""
    rng = np.random.default_rng(0)
    targets, k, sources = arguments.targets, arguments.k, arguments.sources
    # Lists of distinct rows, as a search makes them: a random line each of the rows' order, begun anywhere.
    order = rng.permutation(sources).astype(np.int32)
    table = order[(rng.integers(0, sources, targets)[:, None] + np.arange(k) * 7) % sources]
    classes = SourceClasses(rng.integers(0, 1000, sources).astype(np.int32), 1000)
    selector = Selector("nearest", table, targets, classes)
    probabilities = rng.dirichlet(np.full(102, 0.05), targets).astype(np.float32)
    labels = np.where(rng.uniform(size=targets) < 0.8, probabilities.argmax(1), 0).astype(np.int32)
    k0 = arguments.k0 or k // 8
    counts = rng.integers(k0, k + 1, targets).astype(np.int32)

    def expand() -> None:
        found = hardness(probabilities, labels)
        grown = update_counts(counts, found, k0, selector.k_max).numpy()
        selector.borrow(grown)

    times = in_turn({"expansion": expand}, arguments.repeats)
    print(f"{targets} target images, lists of {k} among {sources} source images, K0 = {k0}")
    print(seconds("expansion", times["expansion"]))
    keep("expansion", *times["expansion"].T, unit="s")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="", help="an image set, e.g. folder:PATH#train")
    parser.add_argument("--images", type=int, default=1020, help="how many in memory, without --target")
    parser.add_argument("--stored", type=int, default=64, help="side of the images in memory")
    parser.add_argument("--trunk", default="MobileNetV2")
    parser.add_argument("--alpha", type=float, default=0.35)
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--k", type=int, default=5000)
    parser.add_argument("--k0", type=int, default=0, help="0: an eighth of the lists")
    parser.add_argument("--sources", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parse(parser, argv)
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {cores()} cores, {arguments.repeats} repeats")
    scoring(arguments)
    expansion(arguments)


if __name__ == "__main__":
    main()
