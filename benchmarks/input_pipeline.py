"""What the joint stream costs a training step, as a ratio within one run.

  python benchmarks/input_pipeline.py --trunk=MobileNetV2 --alpha=0.35 --image_size=96 --batch_size=64 --repeats=7

Training steps fed by the stream (a shift by up to --pad pixels, mirrored) take turns with the same steps fed one
prepared batch again and again. The images are in memory, or with --files JPEG files of the same side in a temporary
folder. Beside the ratio: what the stream costs alone, in processor time an image.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from timing import in_turn, parse, ratio, seconds

from sjft_tf.config import RunConfig
from sjft_tf.images import Augmentation, BatchPlan, ImageSet, Pools, SourceStream, joint_dataset, open_image_set
from sjft_tf.models import build_joint_model, build_trunk
from sjft_tf.training import compile_joint

CLASSES, NEIGHBORS = 10, 50


def pictures(count: int, side: int) -> np.ndarray:
    """Smooth noise, uint8 [count, side, side, 3], which compresses about as photographs do."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC)) for one in coarse])


def image_set(files: bool, images: np.ndarray, folder: Path) -> ImageSet:
    """The pictures in memory, or as JPEG files."""
    labels = np.arange(len(images)) % CLASSES
    if not files:
        return ImageSet.from_arrays("pictures", images, labels)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        encoded = io.BytesIO()
        Image.fromarray(image).save(encoded, "JPEG", quality=90)
        path = folder / str(label) / f"{i:05d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded.getvalue())
    return open_image_set(f"folder:{folder}")


def stream(images: ImageSet, arguments: argparse.Namespace, steps: int) -> tf.data.Dataset:
    """The joint stream with the pictures as target and source."""
    count = len(images)
    pools = Pools(
        np.random.default_rng(1).integers(0, count, count * NEIGHBORS).astype(np.int32),
        np.arange(count, dtype=np.int64) * NEIGHBORS,
        np.full(count, NEIGHBORS, np.int64),
    )
    side = arguments.image_size
    augmentation = Augmentation((side, side), side, pad=arguments.pad)
    plan = BatchPlan(arguments.batch_size, 0, steps)
    return joint_dataset(images, SourceStream(images, pools, images.labels), augmentation, plan, seed=0)


def consume(dataset: tf.data.Dataset) -> None:
    """Makes all batches and throws them away."""
    for _ in dataset:
        pass


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trunk", default="MobileNetV2")
    parser.add_argument("--alpha", type=float, default=0.35)
    parser.add_argument("--image_size", type=int, default=96)
    parser.add_argument("--pad", type=int, default=8)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--files", action="store_true", help="JPEG files instead of arrays in memory")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parse(parser, argv)

    trunk = build_trunk(arguments.trunk, arguments.image_size, alpha=arguments.alpha or None)
    model = build_joint_model(trunk, CLASSES, CLASSES)
    compile_joint(model, RunConfig().training, RunConfig().model)
    with tempfile.TemporaryDirectory() as folder:
        images = image_set(arguments.files, pictures(arguments.images, arguments.image_size), Path(folder))
        fed = stream(images, arguments, arguments.steps)
        batch = next(iter(fed))
        prepared = tf.data.Dataset.from_tensors(batch).repeat(arguments.steps).prefetch(2)
        fit = partial(model.fit, epochs=1, verbose=0, shuffle=False)
        found = in_turn({"stream": partial(fit, fed), "prepared": partial(fit, prepared)}, arguments.repeats)
        many = stream(images, arguments, 4 * arguments.steps)
        consume(many)
        begun, busy = time.perf_counter(), time.process_time()
        consume(many)
        wall, busy = time.perf_counter() - begun, time.process_time() - busy
    for name, times in found.items():
        print(seconds(name, times / arguments.steps, "ms") + " a step")
    print(ratio("stream / prepared", found["stream"], found["prepared"]))
    count = 4 * arguments.steps * 2 * arguments.batch_size
    print(
        f"stream alone: {1000 * busy / count:.3f} ms of processor time an image, {1000 * wall / count:.3f} by the clock"
    )


if __name__ == "__main__":
    main()
