"""What else is done to training images."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.config.option import Section, option


@dataclass(frozen=True)
class AugmentationConfig(Section):
    """What else is done to training images, of both domains alike (`mixup`, `cutmix`: the target's); off by default."""

    jitter_brightness: float = option(0.0, "training: brightness times 1 plus or minus up to this", limits=(0.0, 1.0))
    jitter_contrast: float = option(0.0, "training: contrast times 1 plus or minus up to this", limits=(0.0, 1.0))
    jitter_saturation: float = option(0.0, "training: saturation times 1 plus or minus up to this", limits=(0.0, 1.0))
    jitter_hue: float = option(0.0, "training: hues move by up to this share of the color circle", limits=(0.0, 0.5))
    rotation: float = option(0.0, "training images turn by up to so many degrees", limits=(0.0, 180.0))
    shear: float = option(0.0, "training: upright lines lean by up to so many degrees", limits=(0.0, 80.0))
    translation: float = option(0.0, "training images shift by up to this share of the side", limits=(0.0, 1.0))
    cutout: int = option(0, "side in pixels of a gray square somewhere in each training image", limits=(0, 8192))
    randaugment: int = option(0, "RandAugment: operations drawn for each image", limits=(0, 14))
    randaugment_magnitude: float = option(9.0, "RandAugment: strength, 10 the strongest", limits=(0.0, 10.0))
    mixup: float = option(
        0.0,
        "mixup of target images and labels within a batch, their share drawn from Beta(mixup, mixup); 0: off",
        limits=(0.0, 1000.0),
        later=True,
    )
    cutmix: float = option(
        0.0,
        "CutMix of target images and labels within a batch, the size of the box drawn by Beta(cutmix, cutmix); 0: off",
        limits=(0.0, 1000.0),
        later=True,
    )

    @property
    def mixes(self) -> bool:
        """Whether target images of a batch are mixed with each other."""
        return bool(self.mixup or self.cutmix)
