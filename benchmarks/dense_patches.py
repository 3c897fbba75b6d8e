"""Patches by one pass of the network over each scale, against the same patches one by one: how far, how much faster.

  python benchmarks/dense_patches.py --target=scenes?n=8 --trunk=MobileNetV2 --alpha=0.35 --weights=FILE --image_size=64

Both ways take the same windows of the same resized images. They run in turn, and the ratio is of processor times.
"""

from __future__ import annotations

import argparse

import numpy as np
import timing

from sjft_tf.images import open_objects
from sjft_tf.models import build_trunk
from sjft_tf.patches import PatchNetwork


def main(argv: list[str] | None = None) -> None:
    """Prints both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="scenes?n=8", help="images")
    parser.add_argument("--images", type=int, default=8, help="how many of them")
    parser.add_argument("--trunk", default="MobileNetV2")
    parser.add_argument("--alpha", type=float, default=0.0)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--weights", default="none")
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    given = timing.parse(parser, argv)
    trunk = build_trunk(
        given.trunk,
        given.image_size,
        weights=given.weights,
        alpha=given.alpha or None,
        depth=given.depth,
        width=given.width,
    )
    dense, separate = (PatchNetwork(trunk, kind) for kind in ("dense", "separate"))
    separate.tiling = dense.tiling
    images = open_objects(given.target).images
    pictures = [images.load(row).numpy() for row in range(min(given.images, len(images)))]
    one, other = (np.concatenate([network(picture) for picture in pictures]) for network in (dense, separate))
    distance = np.linalg.norm(one - other, axis=1) / np.linalg.norm(other, axis=1)
    centered, wanted = (features - other.mean(axis=0) for features in (one, other))
    cosine = (centered * wanted).sum(1) / np.linalg.norm(centered, axis=1) / np.linalg.norm(wanted, axis=1)
    print(f"{len(one) // len(pictures)} patches an image of {pictures[0].shape[0]} x {pictures[0].shape[1]} px")
    print(
        f"relative distance of features: median {np.median(distance):.3f}, 90 % below {np.quantile(distance, 0.9):.3f}"
    )
    print(f"cosine, means taken off: median {np.median(cosine):.3f}, 10 % below {np.quantile(cosine, 0.1):.3f}")
    seconds = timing.in_turn(
        {
            "dense": lambda: [dense(picture) for picture in pictures],
            "separate": lambda: [separate(picture) for picture in pictures],
        },
        given.repeats,
    )
    ratios = seconds["separate"][:, 1] / seconds["dense"][:, 1]
    each = {name: np.median(value[:, 1]) / len(pictures) for name, value in seconds.items()}
    print(f"processor time an image: dense {each['dense']:.3f} s, separate {each['separate']:.3f} s")
    timing.keep("separate / dense", ratios)
    print(f"separate / dense: {np.median(ratios):.1f} ({ratios.min():.1f} to {ratios.max():.1f})")


if __name__ == "__main__":
    main()
