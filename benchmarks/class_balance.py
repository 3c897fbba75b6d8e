"""What class weights and balanced sampling gain where some classes have forty times the images of others.

  python benchmarks/class_balance.py

The target is scikit-learn's digits: 80 training images of each even digit, 2 of each odd one, drawn anew for each seed;
tested on what is left of each digit after 80. The network and its training are those of flags/demo.cfg, of 200 steps
and without a source, once from scratch and once from a trunk that has learned rendered letters: its head begins fitted.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import sjft_tf
from sjft_tf.images import open_image_set
from sjft_tf.study import t_interval

FREQUENT, RARE = 80, 2
RARE_DIGITS = np.arange(1, 10, 2)
WAYS = {"uniform": {}, "class weights": {"class_weight": "balanced"}, "balanced sampling": {"sampling": "balanced"}}
NETWORK = {"trunk": "preact_resnet", "depth": 8, "width": 16, "image_size": 16, "resize": 16, "pad": 2}
TRAINING = {"rounds": 1, "batch_size": 50, "learning_rate": 0.05, "steps_per_execution": 10}
OTHERS = {"mirror": False, "start_statistics": 0.0, "projector_images": 0, "selector": "none"}


def draw(seed: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Training and test images, uint8 [N, 8, 8, 3] and int [N]: 40 to 1, and all classes alike."""
    pixels, labels = load_digits(return_X_y=True)
    gray = np.round(pixels.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    images = np.repeat(gray[..., np.newaxis], 3, axis=3)
    rng, train, test = np.random.default_rng(seed), [], []
    for digit in range(10):
        rows = rng.permutation(np.flatnonzero(labels == digit))
        train.append(rows[: RARE if digit in RARE_DIGITS else FREQUENT])
        test.append(rows[FREQUENT:])
    chosen = [np.concatenate(rows) for rows in (train, test)]
    return tuple((images[rows], labels[rows]) for rows in chosen)


def recalls(seed: int, way: str, weights: str, steps: int) -> np.ndarray:
    """Share of the test images of each class that are recognized, float64 [10]."""
    train, test = draw(seed)
    settings = {**NETWORK, **TRAINING, **OTHERS, **WAYS[way], "weights": weights, "steps_per_round": steps}
    run = sjft_tf.fine_tune(train, None, test=test, seed=seed, **settings)
    return np.array(run.figures["final"]["test"]["per_class_accuracy"])


def letters(folder: str, steps: int) -> str:
    """The weight file of a trunk that has learned rendered letters."""
    glyphs = open_image_set("glyphs?n=8320")
    x = np.stack([np.asarray(glyphs.load(row)) for row in range(len(glyphs))])
    settings = {**NETWORK, **TRAINING, **OTHERS, "weights": "none", "steps_per_round": steps}
    run = sjft_tf.fine_tune((x, glyphs.labels), None, workdir=Path(folder, "letters"), **settings)
    return str(run.workdir / "trunk.weights.h5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, weights in (("from scratch", "none"), ("from letters", letters(folder, arguments.steps))):
            found = {
                way: np.stack([recalls(seed, way, weights, arguments.steps) for seed in range(arguments.seeds)])
                for way in WAYS
            }
            print(f"\n{name}: mean class accuracy in % over {arguments.seeds} draws")
            for way, values in found.items():
                means, rare = values.mean(axis=1), values[:, RARE_DIGITS].mean()
                gains, against = means - found["uniform"].mean(axis=1), ""
                if way != "uniform" and (interval := t_interval(gains.tolist())) is not None:
                    against = f"; {100 * gains.mean():+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"
                frequent = np.delete(values, RARE_DIGITS, axis=1).mean()
                print(f"{way:>18}: {means.mean():.1%}, rare {rare:.1%}, frequent {frequent:.1%}{against}")


if __name__ == "__main__":
    main()
