"""Network and head together: what is said of one image of any size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from sjft_tf.patches.head import PatchHead
from sjft_tf.patches.network import PatchNetwork
from sjft_tf.patches.scoring import heat_map, image_scores


class PatchModel(tf.Module):
    """Scores of classes and heat maps.

    Args:
        network: the frozen layers.
        head: the two new ones.
        exponents: of the power means that scores are told by, see `image_scores`.
        side: cells of a heat map along both sides.
        mean: heat maps are means instead of sums, see `heat_map`.
    """

    def __init__(
        self, network: PatchNetwork, head: PatchHead, exponents: Sequence[float], side: int = 64, mean: bool = False
    ) -> None:
        super().__init__(name="patch_model")
        self.network, self.num_classes, self.side = network, head.num_classes, side
        # As variables: constants would be written into the graph of a SavedModel, which must be small.
        self.layers = [
            tf.Variable(array, trainable=False)
            for array in (head.hidden_kernel, head.hidden_bias, head.kernel, head.bias)
        ]
        self._head, self._exponents, self._mean = PatchHead(*self.layers), tuple(exponents), mean
        image = tf.TensorSpec([None, None, 3], tf.float32)
        self._compiled = tf.function(self.judged, input_signature=[image], autograph=False)

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of one image, uint8 [H, W, 3]: scores float32 [K, C], one row an exponent, and heat float32 [h, w, C]."""
        scores, heat = self._compiled(tf.constant(image, tf.float32))
        return scores.numpy(), heat.numpy()

    def judged(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As `__call__`, inside a graph: image float32 [H, W, 3] in 0..255."""
        shape = tf.shape(image)
        patches = self.network.tiling.patches(shape[0], shape[1])
        features = self.network.features(image, tf.ones(tf.shape(patches)[:1], tf.bool))
        probabilities = self._head(features)
        scores = tf.stack([image_scores(probabilities, exponent) for exponent in self._exponents])
        return scores, heat_map(patches, probabilities, shape[0], shape[1], self.side, self._mean)
