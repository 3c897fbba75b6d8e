"""The joint input stream: every drawn target image beside one of its own current neighbors.

Everything random is a pure function of the seed and of the position in the whole run (the number of target
images drawn before), so a run can be continued at any step and gives the same batches, and parallel mapping
does not disturb the order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images.augment import Augmentation
from sjft_tf.images.image_set import ImageSet, on_cpu, untuned
from sjft_tf.images.positions import WHOLE, Batches, Shard

# Streams of random numbers that must not repeat each other take different second words of the seed.
_ORDER, _NEIGHBOR, _TARGET_VIEW, _SOURCE_VIEW = range(4)


class Pools(NamedTuple):
    """Which source rows each target image may be paired with.

    Arrays or tensors.

    Attributes:
        rows: int32 [M], source rows; the pools of all target images one after the other (they may overlap).
        starts: int64 [N_t], where the pool of each target image begins in `rows`.
        lengths: int64 [N_t], how many rows it has, at least 1.
    """

    rows: np.ndarray | tf.Tensor
    starts: np.ndarray | tf.Tensor
    lengths: np.ndarray | tf.Tensor


def target_row_at(position: tf.Tensor, num_target: int, seed: int) -> tf.Tensor:
    """The target row drawn at `position`: each pass over the target visits every row once, in its own order.

    Args:
        position: scalar int64, target images drawn before in the whole run.
        num_target: number of target images.
        seed: the run's seed.

    Returns:
        Scalar int32 row.
    """
    count = tf.constant(num_target, tf.int64)
    pass_seed = _seed_at(position // count, seed, _ORDER)
    return tf.cast(tf.random.experimental.index_shuffle(position % count, pass_seed, count - 1), tf.int32)


def source_row_at(position: tf.Tensor, target_row: tf.Tensor, pools: Pools, seed: int) -> tf.Tensor:
    """One row of the target image's own pool, drawn uniformly (paper section 3.1)."""
    start, length = tf.gather(pools.starts, target_row), tf.gather(pools.lengths, target_row)
    draw = tf.random.stateless_uniform([], _seed_at(position, seed, _NEIGHBOR), 0, length, dtype=tf.int64)
    return tf.gather(pools.rows, start + draw)


def joint_dataset(
    target: ImageSet,
    source: ImageSet | None,
    pools: Pools | None,
    source_labels: np.ndarray | None,
    augmentation: Augmentation,
    *,
    batch_size: int,
    first_step: int,
    steps: int,
    seed: int,
    shard: Shard | None = None,
    accumulate: int = 1,
) -> tf.data.Dataset:
    """Batches for `steps` training steps, beginning at the run's global step `first_step`.

    Args:
        target: the target training images.
        source: the images to borrow from; None trains on the target alone.
        pools: the current neighbors of each target image; None with `source=None`.
        source_labels: int32 [N_s], label of each source row in the source head; -1 takes no part in its loss.
        augmentation: what is done to every training image.
        batch_size: B, target images of a step, or of each of its micro-batches.
        first_step: global step of the first batch.
        steps: number of steps.
        seed: the run's seed.
        shard: the devices that this process feeds, of all that share each batch; None (default): one has it all.
        accumulate: A, micro-batches a step (default 1); the next A * B positions in order.

    Returns:
        Dataset of `(images float32 [2b, H, W, 3], {"target": int32 [2b], "source": int32 [2b]})`, the target half
        first, label -1 where a row is of the other domain; b is B / replicas. One element a step and local replica:
        those of a step come in turn, and over all replicas they are the rows of the whole batch. With more than one
        micro-batch everything has a leading axis of length A. Without a source: b rows and the key "target".

    Raises:
        InputError: a source comes without pools or the other way round, or the batch cannot be divided.
    """
    cut = Batches(batch_size, first_step, steps, shard or WHOLE, accumulate).check()
    if (source is None) != (pools is None) or (source is None) != (source_labels is None):
        raise InputError("`source`, `pools` and `source_labels` come together or not at all")
    positions = tf.data.Dataset.range(cut.elements).map(cut.positions).unbatch()
    target_labels = on_cpu(target.labels)

    def draw(image_set: ImageSet, row: tf.Tensor, position: tf.Tensor, stream: int) -> tf.Tensor:
        image = augmentation(image_set.load(row), _seed_at(position, seed, stream))
        return tf.ensure_shape(image, [augmentation.crop, augmentation.crop, 3])

    def target_example(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        row = target_row_at(position, len(target), seed)
        return row, draw(target, row, position, _TARGET_VIEW), tf.gather(target_labels, row)

    if source is None or pools is None or source_labels is None:

        def alone(position: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
            _, image, label = target_example(position)
            return image, {"target": label}

        return _finish(_batched(positions.map(alone, tf.data.AUTOTUNE, deterministic=True), cut), cut)

    # Made here, in host memory, and not inside the function below, whose graph would carry them as text.
    borrowed, labels = source, on_cpu(source_labels.astype(np.int32))
    held = Pools(on_cpu(pools.rows), on_cpu(pools.starts), on_cpu(pools.lengths))

    def pair(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        target_row, target_image, target_label = target_example(position)
        row = source_row_at(position, target_row, held, seed)
        return target_image, target_label, draw(borrowed, row, position, _SOURCE_VIEW), tf.gather(labels, row)

    def halves(target_images, target_label, source_images, source_label):
        other, axis = tf.fill(target_label.shape, -1), len(target_label.shape) - 1
        return tf.concat([target_images, source_images], axis), {
            "target": tf.concat([target_label, other], axis),
            "source": tf.concat([other, source_label], axis),
        }

    # Decoding and augmenting run in parallel an example at a time; only small batches of finished images wait.
    return _finish(_batched(positions.map(pair, tf.data.AUTOTUNE, deterministic=True), cut).map(halves), cut)


def _batched(examples: tf.data.Dataset, cut: Batches) -> tf.data.Dataset:
    micro = examples.batch(cut.per_replica, drop_remainder=True)
    return micro if cut.accumulate == 1 else micro.batch(cut.accumulate, drop_remainder=True)


def _seed_at(position: tf.Tensor, seed: int, stream: int) -> tf.Tensor:
    return tf.stack([tf.constant(seed * 8 + stream, tf.int64), tf.cast(position, tf.int64)])


def _finish(dataset: tf.data.Dataset, cut: Batches) -> tf.data.Dataset:
    counted = dataset.apply(tf.data.experimental.assert_cardinality(cut.elements))
    return untuned(counted.prefetch(2))
