"""Learning patch by patch: settings of scripts/patches.py alone."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.config.option import LARGE, Section, option


@dataclass(frozen=True)
class PatchConfig(Section):
    """Patches of images with several objects: where they lie, what they are taken for, how they are learned."""

    patch_scales: int = option(
        13, "scales at which an image is tiled, from patches of its shorter side to --smallest_patch", limits=(1, 64)
    )
    smallest_patch: float = option(
        0.2, "side of the smallest patches, of the shorter side of the image", limits=(0.02, 1.0)
    )
    patch_overlap: float = option(
        0.5, "least share of its side that a patch has in common with the next", limits=(0.0, 0.95)
    )
    patch_features: str = option(
        "auto",
        "dense runs the network once over the whole image at each scale, separate once for each patch; auto: dense "
        "where the trunk allows it",
        ("auto", "dense", "separate"),
    )
    object_in_patch: float = option(
        0.2, "a patch shows an object whose box is at least this share of the patch", limits=(0.0, 1.0)
    )
    object_seen: float = option(
        0.6,
        "... and has at least this share of itself in the patch; other objects must not touch it",
        limits=(0.0, 1.0),
    )
    background_share: float = option(
        0.1, "share of the patches without any object that are learned as background", limits=(0.0, 1.0)
    )
    patches_per_image: int = option(
        0, "train on at most so many patches of an image, drawn by --seed; 0: all", limits=(0, LARGE)
    )
    hidden_units: int = option(2048, "units of the first new layer", limits=(1, 65536))
    head_steps: int = option(2000, "batches that the two new layers are trained with", limits=(1, LARGE))
    head_batch: int = option(128, "patches of a batch", limits=(1, 65536))
    head_rate: float = option(1e-3, "Adam's rate at the start; it falls as a cosine", limits=(1e-9, 10.0))
    head_dropout: float = option(0.5, "share of the first new layer's units left out at each step", limits=(0.0, 0.99))
    score_power: float = option(
        5.0,
        "an image's score is the power mean of its patches' with this exponent; 1: the mean",
        limits=(0.1, 100.0),
    )
    heat: str = option("sum", "a pixel's score is the sum or the mean of those of the patches over it", ("sum", "mean"))
    heat_side: int = option(64, "cells of a heat map along both sides of the image", limits=(2, 1024))
    heat_pictures: int = option(12, "test images whose heat maps are drawn", limits=(0, LARGE))
