"""What the influence benchmarks learn: features, labels and splits; labels flipped at random."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sjft_tf.images import View, open_image_set
from sjft_tf.influence import Examples, Scaling
from sjft_tf.models import build_trunk, trunk_features


class Data(NamedTuple):
    """Features float32 [n, F] and labels of the three parts, one after the other."""

    features: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    num_classes: int

    def examples(self, rows: np.ndarray, labels: np.ndarray | None = None) -> Examples:
        """The images of `rows`, scaled by the training images."""
        scaling = Scaling.of(self.features, self.train)
        return Examples(self.features, self.labels if labels is None else labels, scaling, rows)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Where the real images are."""
    parser.add_argument("--flowers", help="folder of Flowers-102 with train/, val/ and test/; digits alone without it")
    parser.add_argument("--weights", help="MobileNetV2-0.35 weights file, with --flowers")
    parser.add_argument("--image_size", type=int, default=128)


def digits(per_class: int, seed: int) -> Data:
    """`per_class` digits a class to train on, the fixed 200 to validate, the rest to test; 64 pixels as features."""
    parts = [open_image_set(f"digits#{split}?per_class={per_class}&seed={seed}") for split in ("train", "val", "test")]
    pixels = [
        np.stack([np.asarray(images.load(row))[..., 0].ravel() for row in range(len(images))]) for images in parts
    ]
    return _joined(pixels, [images.labels for images in parts], 10)


def flowers(arguments: argparse.Namespace, cache: Path = Path("runs/influence-benchmark")) -> Data:
    """MobileNetV2-0.35 features of Flowers-102, official split; kept in `cache`."""
    path = cache / f"flowers-{arguments.image_size}.npz"
    if not path.exists():
        trunk = build_trunk("MobileNetV2", arguments.image_size, weights=arguments.weights, alpha=0.35)
        sets = [open_image_set(f"folder:{arguments.flowers}#{split}") for split in ("train", "val", "test")]
        view = View(arguments.image_size, arguments.image_size)
        found = [np.array(trunk_features(trunk, [images], view, cache)) for images in sets]
        np.savez(path, *found, *[images.labels for images in sets])
    with np.load(path) as archive:
        arrays = [archive[f"arr_{i}"] for i in range(6)]
    return _joined(arrays[:3], arrays[3:], 102)


def flipped(labels: np.ndarray, rows: np.ndarray, share: float, num_classes: int, seed: int) -> np.ndarray:
    """The labels, with a random wrong one for `share` of `rows`; drawn again where a class keeps fewer than 3."""
    rng = np.random.default_rng(seed)
    while True:
        changed = rng.choice(rows, round(share * len(rows)), replace=False)
        found = labels.copy()
        found[changed] = (labels[changed] + rng.integers(1, num_classes, len(changed))) % num_classes
        if np.bincount(found[rows], minlength=num_classes).min() >= 3:
            return found


def _joined(features: list[np.ndarray], labels: list[np.ndarray], num_classes: int) -> Data:
    ends = np.cumsum([0, *map(len, labels)])
    rows = [np.arange(a, b) for a, b in itertools.pairwise(ends)]
    return Data(np.concatenate(features).astype(np.float32), np.concatenate(labels), *rows, num_classes)
