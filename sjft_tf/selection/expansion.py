"""From ranked neighbor lists and a K per target image to the rows that are borrowed (paper section 3.2).

Pure functions in TensorFlow operations: where there is a GPU they run on it between two fits, beside the scoring.
Without one, `compiled_expansion.py` has faster loops for the two that look at all lists.
"""

from __future__ import annotations

import tensorflow as tf


def prefix_mask(counts: tf.Tensor, k_max: int) -> tf.Tensor:
    """bool [N_t, k_max]: True for the first K_i places of each line."""
    return tf.sequence_mask(counts, k_max)


def union_mask(neighbors: tf.Tensor, counts: tf.Tensor, num_source: int) -> tf.Tensor:
    """Which source rows are in the union of the lists' prefixes.

    Args:
        neighbors: int32 [N_t, K_max], ranked source rows of each target image.
        counts: int32 [N_t], K of each target image.
        num_source: number of source images.

    Returns:
        bool [num_source].
    """
    picked = tf.boolean_mask(neighbors, prefix_mask(counts, neighbors.shape[1]))
    return tf.scatter_nd(picked[:, tf.newaxis], tf.ones_like(picked), [num_source]) > 0


def own_pools(neighbors: tf.Tensor, counts: tf.Tensor, usable: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The usable rows among the first K_i of each list, one list's after the other's.

    A list without any keeps its first K_i: the image is still paired with its own neighbors, and their label -1 takes
    them out of the source loss.

    Args:
        neighbors: int32 [N_t, K_max].
        counts: int32 [N_t], K of each target image.
        usable: bool [N_s], rows of classes that are kept.

    Returns:
        `(rows int32 [M], starts int64 [N_t], lengths int64 [N_t])`, see `images.joint.Pools`.
    """
    prefix = prefix_mask(counts, neighbors.shape[1])
    mask = tf.logical_and(prefix, tf.gather(usable, neighbors))
    nothing_left = tf.logical_not(tf.reduce_any(mask, axis=1))
    mask = tf.where(nothing_left[:, tf.newaxis], prefix, mask)
    lengths = tf.reduce_sum(tf.cast(mask, tf.int64), axis=1)
    return tf.boolean_mask(neighbors, mask), tf.cumsum(lengths, exclusive=True), lengths


def classes_with_enough(union: tf.Tensor, labels: tf.Tensor, num_classes: int, least: int) -> tf.Tensor:
    """`least_sample_per_class`: the source classes that keep a place.

    Args:
        union: bool [N_s], rows picked.
        labels: int32 [N_s].
        num_classes: number of source classes.
        least: fewest picked images a class must have; 0 and 1 keep every class that was picked at all.

    Returns:
        bool [num_classes].
    """
    picked = tf.math.unsorted_segment_sum(tf.cast(union, tf.int32), labels, num_classes)
    return picked >= max(least, 1)


def first_rank(neighbors: tf.Tensor, num_source: int) -> tf.Tensor:
    """int32 [num_source]: the best place (from 0) each source row has in any list; K_max where in none.

    The union of the prefixes of length k is exactly the rows whose first rank is below k.
    """
    lines, k_max = neighbors.shape
    ranks = tf.broadcast_to(tf.range(k_max), [lines, k_max])
    best = tf.fill([num_source], k_max)
    return tf.tensor_scatter_nd_min(best, tf.reshape(neighbors, [-1, 1]), tf.reshape(ranks, [-1]))


def smallest_k(neighbors: tf.Tensor, num_source: int, wanted: int) -> tuple[int, int]:
    """The smallest K0 whose union has `wanted` source images (the paper: 200,000 of 1.28 M).

    Args:
        neighbors: int32 [N_t, K_max].
        num_source: number of source images.
        wanted: size of the union, at least 1; see `pool_size`.

    Returns:
        `(k0, union_size)`. Where even whole lists do not reach it, K_max and their union's size.
    """
    k_max = neighbors.shape[1]
    arrivals = tf.math.bincount(first_rank(neighbors, num_source), minlength=k_max + 1)[:k_max]
    sizes = tf.cumsum(arrivals).numpy()
    reached = (sizes >= wanted).nonzero()[0]
    index = int(reached[0]) if len(reached) else k_max - 1
    return index + 1, int(sizes[index])
