"""A network's loss, differentiated twice: products with its Hessian or Gauss-Newton matrix over chosen variables.

The network's weights are one vector w float64 [P], in the order of `variables`. The loss is the mean cross entropy over
the n training images, in inference mode: batch normalization uses its moving statistics, dropout is off.

    H v        forward-over-reverse: the derivative, along v, of the gradient
    G v        J^T (diag(p) - p p^T) J v, with J v by forward mode: positive semi-definite where H need not be

Per-image gradients are never made: the product of one with a vector s is the derivative of that image's loss along s,
which forward mode gives for a whole batch at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError

Batches = Callable[[], Iterable[tuple[tf.Tensor, tf.Tensor]]]
"""All images, batch by batch: (float [B, H, W, 3], int [B])."""
CURVATURES = ("hessian", "gauss_newton")
PRODUCT_COST = 2
"""Gradient evaluations (a forward and a backward pass of one image) that one image costs in one product."""


class NetworkLoss:
    """Mean cross entropy of a classifier as a function of chosen variables.

    Args:
        model: images to logits, float [B, C].
        layers: names of the layers whose trainable variables are meant; empty for all.
        curvature: one of `CURVATURES`.

    Attributes:
        size: P, how many weights.

    Raises:
        InputError: there is no such layer, or the layers have no trainable variables.
    """

    def __init__(self, model: keras.Model, layers: Iterable[str] = (), curvature: str = "hessian") -> None:
        if curvature not in CURVATURES:
            raise InputError(f"--curvature must be one of {', '.join(CURVATURES)}. Received: {curvature!r}")
        self.model = model
        # Keras 3 wraps TensorFlow's variables; tapes and accumulators want those.
        self.variables = [getattr(v, "value", v) if not isinstance(v, tf.Variable) else v for v in _of(model, layers)]
        self._shapes = [tuple(v.shape) for v in self.variables]
        self.size = int(sum(np.prod(shape) for shape in self._shapes))
        product = self._hessian if curvature == "hessian" else self._gauss_newton
        self._product = tf.function(product, reduce_retracing=True)
        self._gradient = tf.function(self._plain, reduce_retracing=True)
        self._along = tf.function(self._logits_along, reduce_retracing=True)

    def gradient(self, batches: Batches) -> np.ndarray:
        """Gradient of the summed loss, float64 [P]."""
        return sum((self._flat(self._gradient(images, labels)) for images, labels in batches()), np.zeros(self.size))

    def product(self, vector: np.ndarray, batches: Batches, damping: float = 0.0) -> np.ndarray:
        """The chosen matrix of the mean loss plus damping I, times `vector` float64 [P]."""
        tangents, total, count = self._tensors(vector), np.zeros(self.size), 0
        for images, labels in batches():
            total += self._flat(self._product(images, labels, tangents))
            count += int(labels.shape[0])
        return total / count + damping * vector

    def label_influence(self, solution: np.ndarray, batches: Batches) -> np.ndarray:
        """The influence each image would have under each label, float64 [M, C].

        With the derivative z' of the logits along the solution s: -grad L(z)^T s = -(p - e_c)^T z' = z'_c - p^T z'.
        """
        tangents, influences = self._tensors(solution), []
        for images, _ in batches():
            probabilities, along = (t.numpy().astype(np.float64) for t in self._along(images, tangents))
            influences.append(along - (probabilities * along).sum(axis=1, keepdims=True))
        return np.concatenate(influences)

    def _loss(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        logits = self.model(images, training=False)
        return tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))

    def _plain(self, images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.variables)
            loss = self._loss(images, labels)
        return self._dense(tape.gradient(loss, self.variables, unconnected_gradients="zero"))

    def _hessian(self, images: tf.Tensor, labels: tf.Tensor, tangents: list[tf.Tensor]) -> list[tf.Tensor]:
        with tf.autodiff.ForwardAccumulator(self.variables, tangents) as forward:
            gradient = self._plain(images, labels)
        return [forward.jvp(g, unconnected_gradients="zero") for g in gradient]

    def _gauss_newton(self, images: tf.Tensor, labels: tf.Tensor, tangents: list[tf.Tensor]) -> list[tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.variables)
            with tf.autodiff.ForwardAccumulator(self.variables, tangents) as forward:
                logits = self.model(images, training=False)
            along = tf.stop_gradient(forward.jvp(logits, unconnected_gradients="zero"))
            p = tf.stop_gradient(tf.nn.softmax(logits))
            bent = p * (along - tf.reduce_sum(p * along, axis=1, keepdims=True))
            loss = tf.reduce_sum(bent * logits)
        return self._dense(tape.gradient(loss, self.variables, unconnected_gradients="zero"))

    def _logits_along(self, images: tf.Tensor, tangents: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.autodiff.ForwardAccumulator(self.variables, tangents) as forward:
            logits = self.model(images, training=False)
        return tf.nn.softmax(logits), forward.jvp(logits, unconnected_gradients="zero")

    def _dense(self, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(t) for t in tensors]

    def _tensors(self, vector: np.ndarray) -> list[tf.Tensor]:
        ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes])[:-1]
        pieces = zip(np.split(vector, ends), self._shapes, self.variables, strict=True)
        return [tf.constant(piece.reshape(shape), v.dtype) for piece, shape, v in pieces]

    def _flat(self, tensors: Iterable[tf.Tensor]) -> np.ndarray:
        return np.concatenate([t.numpy().astype(np.float64).ravel() for t in tensors])


def _of(model: keras.Model, layers: Iterable[str]) -> list[tf.Variable]:
    wanted = list(layers)
    names = [layer.name for layer in model.layers]
    missing = [name for name in wanted if name not in names]
    if missing:
        weighted = [layer.name for layer in model.layers if layer.trainable_variables]
        raise InputError(
            f"--influence_layers: the network has no layer {missing[0]!r}. Layers with weights, last ones last: "
            f"{', '.join(weighted[-8:])}; or all"
        )
    chosen = [layer for layer in model.layers if not wanted or layer.name in wanted]
    variables = [v for layer in chosen for v in layer.trainable_variables]
    if not variables:
        raise InputError(f"--influence_layers: {', '.join(wanted)} have no trainable weights")
    return variables
