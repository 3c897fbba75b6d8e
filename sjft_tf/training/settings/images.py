"""Which images are used, and how one becomes the network's input."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.training.settings.option import LARGE, option


@dataclass(frozen=True)
class DataConfig:
    """Which images."""

    target: str = option("", "target training images, e.g. folder:PATH or folder:PATH#train (see README, Image sets)")
    validation: str = option(
        "", "target validation images; found beside --target where it has such a split; none: none"
    )
    test: str = option("", "target test images; found beside --target where it has such a split; none: none")
    source: list[str] = option([], "images to borrow from; give the flag again for more sets")
    bad_images: str = option("error", "what to do with a file that cannot be decoded", ("error", "skip"))
    max_pixels: int = option(
        64_000_000,
        "an image whose header claims more pixels counts as one that cannot be decoded (a small file can claim any)",
        limits=(1, LARGE),
    )
    audit: bool = option(True, "look for source images that are target images, and warn")
    exclude_leaks: bool = option(False, "leave the source images that the audit finds out of the source")
    target_rows: str = option("", "train on these target images only: kept.json of scripts/prune.py for this --target")
    per_class: int = option(
        0, "train on so many images of each class of the target, drawn by --seed; 0: all", limits=(0, LARGE)
    )
    holdout_test: float = option(
        0.0, "without test images: share of each class of the target set aside as such", limits=(0.0, 0.9)
    )
    validation_fold: str = option(
        "", "I/K: the target's training images are dealt into K folds, and fold I is for validation"
    )
    source_rows: str = option("", "borrow from these source images only: a file like that of --target_rows")
    prune_target: bool = option(
        False, "drop the target images that hurt before anything else (see scripts/prune.py --help)"
    )


@dataclass(frozen=True)
class ViewConfig:
    """How an image becomes the network's input, in training and in evaluation."""

    image_size: int = option(224, "side of the network's input in pixels (a square crop)", limits=(1, 8192))
    resize: int = option(256, "images are resized to this square before the crop", limits=(1, 8192))
    resize_max: int = option(
        0, "training draws the side before the crop between --resize and this; 0: always --resize", limits=(0, 8192)
    )
    pad: int = option(
        0, "training pads the resized image by so many reflected pixels, so that the crop can shift", limits=(0, 4096)
    )
    mirror: bool = option(True, "training mirrors every second image")


@dataclass(frozen=True)
class AugmentationConfig:
    """What else is done to training images, of target and source alike; all off by default."""

    jitter_brightness: float = option(0.0, "brightness times 1 plus or minus up to this", limits=(0.0, 1.0))
    jitter_contrast: float = option(0.0, "contrast times 1 plus or minus up to this", limits=(0.0, 1.0))
    jitter_saturation: float = option(0.0, "saturation times 1 plus or minus up to this", limits=(0.0, 1.0))
    jitter_hue: float = option(0.0, "hues move by up to this share of the color circle", limits=(0.0, 0.5))
    rotation: float = option(0.0, "images turn by up to so many degrees", limits=(0.0, 180.0))
    shear: float = option(0.0, "upright lines lean by up to so many degrees", limits=(0.0, 80.0))
    translation: float = option(0.0, "images shift by up to this share of the side", limits=(0.0, 1.0))
    cutout: int = option(0, "side in pixels of a gray square somewhere in the image", limits=(0, 8192))
    randaugment: int = option(0, "RandAugment: operations drawn for each image", limits=(0, 14))
    randaugment_magnitude: float = option(9.0, "and how strong they are, 10 the strongest", limits=(0.0, 10.0))
