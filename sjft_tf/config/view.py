"""How an image becomes the network's input."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.config.option import Section, option
from sjft_tf.errors import InputError


@dataclass(frozen=True)
class ViewConfig(Section):
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

    def check(self) -> None:
        if self.resize < self.image_size:
            raise InputError(f"--image_size={self.image_size} is cut from --resize={self.resize}, which is smaller")
        if self.resize_max and self.resize_max < self.resize:
            raise InputError(f"--resize_max={self.resize_max} is below --resize={self.resize}")
