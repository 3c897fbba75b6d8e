"""Writes pictures of up to three handwritten digits on a canvas of 32 px, with the digits of each in labels.csv.

    python benchmarks/digits_on_canvases.py --output=runs/canvases

200 training, 100 validation and 400 test images, a twentieth of them empty; scikit-learn's digits (extra `demo`), no
writing is in two of the splits.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image

SPLITS = {"train": (200, 0, 600), "val": (100, 600, 900), "test": (400, 900, 1700)}
"""Images of a split, and the first and last of the digits that are drawn from."""


def write(output: Path) -> None:
    from sklearn.datasets import load_digits

    digits, rng, rows = load_digits(), np.random.default_rng(0), []
    drawn = np.clip(digits.images * 16, 0, 255).astype(np.uint8)
    output.mkdir(parents=True)
    for split, (count, first, last) in SPLITS.items():
        for number in range(count):
            canvas, labels = np.zeros((32, 32), np.uint8), set()
            how_many = rng.choice([0, 1, 2, 3], p=[0.05, 0.25, 0.4, 0.3])
            for cell in rng.permutation(4)[:how_many]:
                digit = rng.integers(first, last)
                top, left = (cell // 2) * 16 + rng.integers(0, 3), (cell % 2) * 16 + rng.integers(0, 3)
                canvas[top : top + 13, left : left + 13] = Image.fromarray(drawn[digit]).resize((13, 13))
                labels.add(str(digits.target[digit]))
            Image.fromarray(canvas).save(output / f"{split}{number:04d}.png")
            rows.append((f"{split}{number:04d}.png", "|".join(sorted(labels)), split))
    with (output / "labels.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("path", "label", "split"), *rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="a new folder")
    write(parser.parse_args().output)
