"""The divergence in a few dimensions: the best low-rank form of its inner product on samples of both image sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from sjft_tf.descriptors import full_float32
from sjft_tf.retrieval.divergence import Layout, augmented_source, augmented_target

_NEGLIGIBLE = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """Target vectors q and source vectors z, float32 [d + 1]: q . z is about a constant of q minus 2 divergences.

    For a fixed target image t, `2 H(t, s) = const + c(s) - a(t) . b(s)` (see divergence.py). With m the mean of a,
    `m . b(s)` needs no approximation: it goes with c(s) into one coordinate of its own. What is left,
    (a(t) - m) . (b(s) - n), is a matrix over target and source images whose singular values fall fast. On samples
    A (targets) and B (sources) let A B^T = U S V^T: the vectors A^T U S^-1/2 and B^T V S^-1/2, cut off after d, give
    on the samples the best approximation of rank d, and elsewhere one as good as the samples are representative.

    Attributes:
        target_basis: float32 [2D, d].
        source_basis: float32 [2D, d].
        target_mean: float32 [2D], m.
        source_mean: float32 [d], of the source sample's first d coordinates.
        own_mean: mean of the source sample's last coordinate.
        layout: how the D columns are divided.
    """

    target_basis: np.ndarray
    source_basis: np.ndarray
    target_mean: np.ndarray
    source_mean: np.ndarray
    own_mean: float
    layout: Layout

    @property
    def dimensions(self) -> int:
        """Numbers in a vector, d + 1."""
        return self.target_basis.shape[1] + 1

    def targets(self, histograms: np.ndarray) -> np.ndarray:
        """float32 [N, D] histograms to vectors [N, d + 1]."""
        with full_float32():
            augmented, _ = augmented_target(histograms, self.layout)
            projected = tf.matmul(augmented - self.target_mean, self.target_basis).numpy()
        return np.concatenate([projected, np.ones((len(projected), 1), np.float32)], axis=1)

    def source_function(self) -> Callable[[np.ndarray], np.ndarray]:
        """A compiled function from float32 [N, D] histograms to vectors [N, d + 1]."""
        basis = tf.constant(np.concatenate([self.source_basis, self.target_mean[:, None]], axis=1))
        shift = tf.constant(np.append(self.source_mean, np.float32(self.own_mean)))

        @tf.function(autograph=False, reduce_retracing=True)
        def vectors(augmented: tf.Tensor, own: tf.Tensor) -> tf.Tensor:
            products = tf.matmul(augmented, basis)
            return tf.concat([products[:, :-1], products[:, -1:] - own[:, None]], axis=1) - shift

        def run(histograms: np.ndarray) -> np.ndarray:
            with full_float32():
                return vectors(*map(tf.constant, augmented_source(histograms, self.layout))).numpy()

        return run


def fit_projection(
    target_sample: np.ndarray, source_blocks: Callable[[], Iterable[np.ndarray]], dimensions: int, layout: Layout
) -> Projection:
    """Fits the projection.

    Args:
        target_sample: float32 [n, D] histograms, n small: n x 2D numbers are held.
        source_blocks: gives the source sample as float32 [., D] blocks, the same each time; read twice, so that it
            need not be held.
        dimensions: largest d; fewer are used where the samples have a lower rank.
        layout: how the D columns are divided.
    """
    with full_float32():
        augmented, _ = augmented_target(target_sample, layout)
        target_mean = tf.reduce_mean(augmented, axis=0)
        centered = augmented - target_mean
        products, owns, total, count = [], [], 0.0, 0
        for block in source_blocks():
            source, own = augmented_source(block, layout)
            products.append(tf.matmul(centered, source, transpose_b=True).numpy())
            owns.append((tf.linalg.matvec(source, target_mean) - own).numpy())
            total, count = total + tf.reduce_sum(source, axis=0), count + len(block)
        source_mean = total / count
        # [n, sources]; the mean is taken off afterwards, because it is known only now.
        gram = np.concatenate(products, axis=1).astype(np.float64)
        gram -= tf.linalg.matvec(centered, source_mean).numpy()[:, None]
        # TensorFlow's products: NumPy's library has threads of its own, which wait busily for those of others.
        squared, left = np.linalg.eigh(tf.matmul(gram, gram, transpose_b=True).numpy())
        order = np.argsort(squared)[::-1][:dimensions]
        order = order[squared[order] > _NEGLIGIBLE**2 * max(float(squared[order[0]]), 1e-30)]
        values, left = np.sqrt(squared[order]), left[:, order]
        right = tf.matmul(gram, left / values**1.5, transpose_a=True).numpy().astype(np.float32)
        target_basis, start = tf.zeros([0]), 0
        for block in source_blocks():
            source, _ = augmented_source(block, layout)
            part = tf.matmul(source - source_mean, right[start : start + len(block)], transpose_a=True)
            target_basis, start = part if start == 0 else target_basis + part, start + len(block)
        source_basis = tf.matmul(centered, (left / np.sqrt(values)).astype(np.float32), transpose_a=True)
        mean = tf.linalg.matvec(source_basis, source_mean, transpose_a=True)
        return Projection(
            target_basis=target_basis.numpy(),
            source_basis=source_basis.numpy(),
            target_mean=target_mean.numpy(),
            source_mean=mean.numpy(),
            own_mean=float(np.mean(np.concatenate(owns))),
            layout=layout,
        )
