"""The two new layers on the frozen ones: La, ReLU, and Lb, one score a class and one for the background."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from sjft_tf import progress
from sjft_tf.models import Scaling


@dataclasses.dataclass(frozen=True)
class PatchHead:
    """softmax(Lb relu(La x)).

    Attributes:
        hidden_kernel, hidden_bias: La, float32 [F, L] and [L].
        kernel, bias: Lb, float32 [L, C + 1] and [C + 1]; the last is the background.
    """

    hidden_kernel: np.ndarray
    hidden_bias: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray

    @property
    def num_classes(self) -> int:
        """C, without the background."""
        return len(self.bias) - 1

    def __call__(self, features: tf.Tensor) -> tf.Tensor:
        """From float32 [P, F] to the probabilities of the classes, float32 [P, C]; the background's is what is left."""
        hidden = tf.nn.relu(features @ self.hidden_kernel + self.hidden_bias)
        return tf.nn.softmax(hidden @ self.kernel + self.bias)[:, :-1]


@dataclasses.dataclass(frozen=True)
class HeadTraining:
    """How the layers are trained: Adam with a rate that falls as a cosine, softmax cross-entropy.

    Args:
        units: L.
        steps: batches.
        batch_size: patches a batch.
        learning_rate: Adam's, at the start.
        dropout: share of La's units left out at each step.
        seed: of starting weights, batches and dropout.
    """

    units: int = 2048
    steps: int = 2000
    batch_size: int = 128
    learning_rate: float = 1e-3
    dropout: float = 0.5
    seed: int = 0

    def fit(self, features: np.ndarray, targets: np.ndarray) -> PatchHead:
        """Trains them.

        Args:
            features: float32 [M, F]; may be memory-mapped.
            targets: bool [M, C + 1], the classes of a patch, which share its probability; at least one.

        Raises:
            InputError: features that are not finite, or all the same.
        """
        keras.utils.set_random_seed(self.seed)
        scaling = Scaling.of(features, np.arange(len(features)))
        inputs = keras.Input((features.shape[1],))
        hidden = keras.layers.Dense(self.units, activation="relu", name="La")
        last = keras.layers.Dense(targets.shape[1], name="Lb")
        model = keras.Model(inputs, last(keras.layers.Dropout(self.dropout)(hidden(inputs))))
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, self.steps)
        model.compile(keras.optimizers.Adam(rate), keras.losses.CategoricalCrossentropy(from_logits=True))
        rng, mean, order = np.random.default_rng(self.seed), scaling.mean.astype(np.float32), np.zeros(0, np.int64)
        for _ in progress.track(range(self.steps), "Training the patches' layers", unit=" steps"):
            while len(order) < self.batch_size:
                order = np.concatenate([order, rng.permutation(len(features))])
            rows, order = np.sort(order[: self.batch_size]), order[self.batch_size :]
            wanted = targets[rows].astype(np.float32)
            scaled = (features[rows] - mean) * np.float32(scaling.factor)
            model.train_on_batch(scaled, wanted / wanted.sum(axis=1, keepdims=True))
        (first, shift), (kernel, bias) = hidden.get_weights(), last.get_weights()
        # The scaling becomes part of La, in float64: features may be far from zero, compared with their spread.
        folded = first.astype(np.float64) * scaling.factor
        return PatchHead(folded.astype(np.float32), (shift - scaling.mean @ folded).astype(np.float32), kernel, bias)
