"""The compiled forward pass: image sets in, probabilities of the target classes out."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from sjft_tf import progress
from sjft_tf.errors import InputError
from sjft_tf.models.contracts import ImageDataset, ImageView
from sjft_tf.models.joint import target_activation, target_logits
from sjft_tf.models.view_cache import ViewCache

LEAST_SHAPE = 128
"""Pictures to which smaller sets are filled up; a larger batch size than the set has images pads no further."""


class Scorer:
    """Gives the target probabilities of any number of image sets; its forward pass is compiled once.

    It follows the model: called again after more training it scores with the new weights. Every batch has the
    same shape, the last one padded and its answers cut, so that nothing is traced or tuned a second time and
    no image is left out.

    Args:
        model: the joint model (dict output with "target": logits).
        view: image uint8 [H, W, 3] -> float32 [crop, crop, 3]; `images.View`. One whose `views` is above 1 gives
            [views, crop, crop, 3], whose probabilities are averaged.
        batch_size: pictures a forward pass.
        cache_mb: MiB of host memory in which the views of whole image sets are kept for the next call, as far as they
            fit; 0 (default) keeps none.
    """

    def __init__(self, model: keras.Model, view: ImageView, batch_size: int = 128, cache_mb: int = 0) -> None:
        if batch_size < 1:
            raise InputError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
        self._model, probabilities_of = target_logits(model), target_activation(model)
        self._view = view
        views = getattr(view, "views", 1)
        self.batch_size = max(1, int(batch_size) // views)
        self._least = max(1, LEAST_SHAPE // views)
        self._cache = ViewCache(cache_mb << 20)
        self.num_classes = int(self._model.output.shape[-1])

        @tf.function(reduce_retracing=True)
        def forward(images: tf.Tensor) -> tf.Tensor:
            pictures = images if views == 1 else tf.reshape(images, [-1, *images.shape[2:]])
            scores = probabilities_of(tf.cast(self._model(pictures, training=False), tf.float32))
            return scores if views == 1 else tf.reduce_mean(tf.reshape(scores, [-1, views, self.num_classes]), axis=1)

        self._forward = forward

    def __call__(
        self, image_set: ImageDataset, rows: np.ndarray | None = None, description: str = "Scoring"
    ) -> np.ndarray:
        """Scores the images of `rows` (default: all), with a progress bar.

        Args:
            image_set: an `images.ImageSet`.
            rows: int32 [M] positions in it, or None.
            description: the words before the progress bar.

        Returns:
            float32 [M, C] probabilities, in the order of `rows`.
        """
        total = len(image_set) if rows is None else len(rows)
        result = np.empty((total, self.num_classes), np.float32)
        if not total:
            return result
        # A set without a fingerprint, or a part of one, is not recognized when it comes again.
        known = getattr(image_set, "fingerprint", None) if rows is None else None
        key = None if known is None else (known, getattr(image_set, "decoded_for", None))
        filled, waiting = 0, None
        with progress.bar(total, description) as shown:

            def collect(scores: tf.Tensor, size: int) -> None:
                nonlocal filled
                result[filled : filled + size] = scores.numpy()[:size]
                filled += size
                shown.update(size)

            for images, size in self._cache.batches(key, lambda: self._prepare(image_set, rows)):
                scores = self._forward(images)
                # Fetching waits for the device; one batch behind, the device already has the next one to work on.
                if waiting is not None:
                    collect(*waiting)
                waiting = (scores, size)
            if waiting is not None:
                collect(*waiting)
        if filled != total:
            raise InputError(f"The image set gave {filled} images where {total} were asked for. Check for bad images.")
        return result

    def _prepare(self, image_set: ImageDataset, rows: np.ndarray | None) -> Iterator[tuple[tf.Tensor, int]]:
        """Batches float32 [batch_size, (views,) crop, crop, 3] and how many images are in each; the rest is zero."""
        # By the whole set, so that its images meet one shape whichever rows are asked for.
        batch_size = min(self.batch_size, max(self._least, len(image_set)))
        views = image_set.dataset(rows).map(
            lambda element: self._view(element["image"]), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        for images in views.batch(batch_size).prefetch(tf.data.AUTOTUNE):
            size = int(images.shape[0])
            missing = batch_size - size
            yield (tf.pad(images, [[0, missing], *[[0, 0]] * (len(images.shape) - 1)]) if missing else images), size
