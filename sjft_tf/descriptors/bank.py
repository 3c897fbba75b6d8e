"""What every filter bank offers, and the precision its arithmetic runs in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import tensorflow as tf


@runtime_checkable
class FilterBank(Protocol):
    """A fixed set of image filters in one or more layers.

    Attributes:
        name: short and readable, e.g. `gabor` or `squeezenet_conv1[conv1]`.
        fingerprint: digest of everything that decides the responses (architecture, weights, options).
        layer_channels: number of filters in each layer, in the order of `responses`.
    """

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def layer_channels(self) -> tuple[int, ...]: ...

    def responses(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Filter responses of a batch; usable eagerly and in a graph.

        Args:
            images: float32 [N, H, W, 3], RGB in 0..255, with a static height and width.

        Returns:
            One float32 tensor [N, h_l, w_l, C_l] for each layer.
        """
        ...


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Switches TensorFloat-32 off inside the block.

    GPUs since Ampere otherwise round the factors of matrix products and convolutions to 10 bits of mantissa:
    bin counts and distances would then depend on the device.
    """
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
