"""The points of TensorBoard's projector: features of the trained trunk, for some images of the target sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.config import RunConfig
from sjft_tf.images import ImageSet, View
from sjft_tf.models import FEATURES, target_activation
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.stages.results import counting_round
from sjft_tf.run_sets import Sets
from sjft_tf.selection import hardness
from sjft_tf.summaries import projector_made_from, remove_projector, thumbnail_side, write_projector
from sjft_tf.training import weights_digest
from sjft_tf.workdir import Workdir


def chosen_rows(sizes: list[int], most: int) -> list[int]:
    """How many images of each set are shown, at most `most` together: each its equal part, or all it has.

    What a small set leaves goes to the others.
    """
    shown, left = [0] * len(sizes), most
    by_size = sorted(range(len(sizes)), key=lambda i: sizes[i])
    for position, i in enumerate(by_size):
        shown[i] = min(sizes[i], left // (len(by_size) - position))
        left -= shown[i]
    return shown


def spread_rows(labels: np.ndarray, count: int) -> np.ndarray:
    """`count` rows, ascending, of which every class has about the share it has of all."""
    by_class = np.argsort(labels, kind="stable")
    return np.sort(by_class[np.arange(count) * len(labels) // max(1, count)])


def write_projection(config: RunConfig, sets: Sets, model: Callable[[], keras.Model], workdir: Workdir) -> None:
    """Writes the projector's files for the model of the round that counts, unless those there are the same.

    Args:
        config: `monitor.projector_images` says how many; with 0, points of an earlier start are removed.
        sets: target, validation and test images, each with a value of its own in the column `set`.
        model: gives the joint model with that round's weights, when points are to be made.
        workdir: the files go to its `logs`.
    """
    most = config.monitor.projector_images
    if not most:
        remove_projector(workdir.logs)
        return
    shown = {"train": sets.target, **sets.scored()}
    made_from = {
        "weights": weights_digest(workdir.rounds, counting_round(workdir, config.training.early_stopping)),
        "images": {name: images.fingerprint for name, images in shown.items()},
        "projector_images": most,
    }
    if projector_made_from(workdir.logs) == made_from:
        return
    counts = chosen_rows([len(images) for images in shown.values()], most)
    side = thumbnail_side(sum(counts))
    network = _Network(model(), network_view(config), config.training.eval_batch_size)
    columns: dict[str, list[Any]] = {
        name: [] for name in ("id", "class", "class number", "predicted", "right", "entropy", "set")
    }
    features, thumbnails = [], []
    for (name, images), count in zip(shown.items(), counts, strict=True):
        if not count:
            continue
        rows = spread_rows(images.labels, count)
        described, probabilities = network(images, rows)
        judged = hardness(probabilities, images.truth[rows])
        predicted, labels = probabilities.argmax(axis=-1), images.labels[rows]
        columns["id"] += [images.ids[row] for row in rows]
        columns["class"] += [images.label_text(row) for row in rows]
        columns["class number"] += labels.tolist()
        columns["predicted"] += [images.class_names[label] for label in predicted]
        columns["right"] += ["wrong" if wrong else "right" for wrong in judged.wrong.numpy()]
        columns["entropy"] += [f"{value:.4f}" for value in judged.entropy.numpy()]
        columns["set"] += [name] * count
        features.append(described)
        thumbnails.append(_thumbnails(images, rows, side))
    write_projector(workdir.logs, np.concatenate(features), columns, np.concatenate(thumbnails), made_from)


class _Network:
    """Features and probabilities of images; compiled once for all sets, since every batch has one shape."""

    def __init__(self, model: keras.Model, view: View, batch_size: int) -> None:
        self._model = keras.Model(model.inputs[0], (model.get_layer(FEATURES).output, model.output["target"]))
        self._view, self._size = view, batch_size
        activation = target_activation(model)

        @tf.function(reduce_retracing=True)
        def forward(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            features, logits = self._model(images, training=False)
            return tf.cast(features, tf.float32), activation(tf.cast(logits, tf.float32))

        self._forward = forward

    def __call__(self, images: ImageSet, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features float32 [n, F] and probabilities float32 [n, C] of the images of `rows`."""
        views = images.dataset(rows).map(
            lambda element: self._view(element["image"]), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        blocks = []
        for batch in views.batch(self._size).prefetch(tf.data.AUTOTUNE):
            filled = tf.pad(batch, [[0, self._size - len(batch)], [0, 0], [0, 0], [0, 0]])
            blocks.append([answer.numpy()[: len(batch)] for answer in self._forward(filled)])
        features, probabilities = zip(*blocks, strict=True)
        return np.concatenate(features), np.concatenate(probabilities)


def _thumbnails(images: ImageSet, rows: np.ndarray, side: int) -> np.ndarray:
    small = View(side, side)

    def thumbnail(element: dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.cast(tf.clip_by_value(tf.round(small(element["image"])), 0, 255), tf.uint8)

    thumbnails = images.dataset(rows).map(thumbnail, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).batch(256)
    return np.concatenate(list(thumbnails.as_numpy_iterator()))
