"""`digits`: scikit-learn's 1,797 handwritten digits, with few-shot splits. No download."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.images.places.spec import Options, Spec
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.scan import FileScan

SPLITS = ("train", "val", "test")
VALIDATION_PER_CLASS = 20


@dataclasses.dataclass(frozen=True)
class DigitsOptions(Options):
    """See `open_digits`."""

    per_class: int = 5
    seed: int = 0


def open_digits(spec: Spec, scan: FileScan) -> ImageSet:
    """`digits[#train|val|test][?per_class=5&seed=0]`: 8 x 8, light strokes on dark, gray repeated to RGB.

    `#val` is the same 20 images of each class whatever the options say, and never in the others; `#train` is
    `per_class` images of each class drawn by `seed` from the rest, `#test` what then remains. Without a split:
    all 1,797 images. Source: Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI 1998.
    """
    from sklearn.datasets import load_digits  # not for --help

    options = spec.read_options(DigitsOptions)
    if spec.rest:
        raise InputError(f"'{spec}': digits takes no name. Expected digits[#train|val|test][?per_class=5&seed=0]")
    pixels, labels = load_digits(return_X_y=True)
    # 0..16 counts of set pixels in 4 x 4 blocks
    gray = np.round(pixels.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    everything = ImageSet.from_arrays(
        "digits",
        gray,
        labels,
        [str(digit) for digit in range(10)],
        [f"{label}/{row:04d}" for row, label in enumerate(labels)],
        origin="digits:",
    )
    if spec.split is None:
        if spec.options:
            raise InputError(f"'{spec}': options need a split, #train or #test")
        return everything
    if spec.split not in SPLITS and spec.split != "validation":
        raise InputError(f"'{spec}' has no split '{spec.split}'. Splits there: #train, #val, #test")
    rows = _split_rows(labels, options.per_class, options.seed)[spec.split[:3]]
    return everything.subset(rows, f"digits#{spec.split}")


def _shuffled(rows: np.ndarray, salt: str) -> np.ndarray:
    # By hash rather than by a generator: the same on every version of every library, for ever.
    return np.array(sorted(rows.tolist(), key=lambda row: hashlib.sha256(f"{salt}/{row}".encode()).digest()))


def _split_rows(labels: np.ndarray, per_class: int, seed: int) -> dict[str, np.ndarray]:
    most = int(np.bincount(labels).min()) - VALIDATION_PER_CLASS - 1
    if not 1 <= per_class <= most:
        raise InputError(f"digits: `per_class` must be between 1 and {most}. Received: per_class={per_class}")
    parts: dict[str, list[np.ndarray]] = {"tra": [], "val": [], "tes": []}
    for digit in range(10):
        fixed = _shuffled(np.flatnonzero(labels == digit), "validation")
        parts["val"].append(fixed[:VALIDATION_PER_CLASS])
        drawn = _shuffled(fixed[VALIDATION_PER_CLASS:], f"train/{seed}")
        parts["tra"].append(drawn[:per_class])
        parts["tes"].append(drawn[per_class:])
    return {name: np.sort(np.concatenate(rows)) for name, rows in parts.items()}
