"""The joint input stream: every drawn target image beside one of its own current neighbors.

Everything random is a pure function of the seed and of the position in the whole run (the number of target
images drawn before), so a run can be continued at any step and gives the same batches, and parallel mapping
does not disturb the order.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images import philox
from sjft_tf.images.augment import Augmentation, Mixing
from sjft_tf.images.batches.order import BatchComposition, round_order, target_row_at
from sjft_tf.images.batches.positions import BatchPlan
from sjft_tf.images.sets.image_set import ImageSet, on_cpu, untuned

# Streams of random numbers that must not repeat each other take different second words of the seed.
# 0 is the order of the target (`order.target_row_at`).
_NEIGHBOR, _TARGET_VIEW, _SOURCE_VIEW, _STAYS, _EXCHANGED = 1, 2, 3, 4, 5

_DRAWN_TOGETHER = 1024
"""Images drawn in one call of the graph that draws."""


class Exchange(NamedTuple):
    """How often a row drawn from a pool gives way to another, which is drawn for all target images alike.

    Arrays or tensors.

    Attributes:
        stays: float64 [N_s], the probability that the row stays when it was drawn.
        rows: int32 [U], the rows that others give way to.
        cumulative: float64 [U], the probabilities of these rows summed up: ascending, the last one is 1.
    """

    stays: np.ndarray | tf.Tensor
    rows: np.ndarray | tf.Tensor
    cumulative: np.ndarray | tf.Tensor


class Pools(NamedTuple):
    """Which source rows each target image may be paired with.

    Arrays or tensors.

    Attributes:
        rows: int32 [M], source rows; the pools of all target images one after the other (they may overlap).
        starts: int64 [N_t], where the pool of each target image begins in `rows`.
        lengths: int64 [N_t], how many rows it has, at least 1.
        exchange: what is drawn beside the pools; None (default): nothing.
    """

    rows: np.ndarray | tf.Tensor
    starts: np.ndarray | tf.Tensor
    lengths: np.ndarray | tf.Tensor
    exchange: Exchange | None = None


class SourceStream(NamedTuple):
    """What is borrowed: the images, who may be paired with whom, and the labels the source head learns.

    Attributes:
        images: the N_s images to borrow from.
        pools: the current neighbors of each target image.
        labels: int32 [N_s], label of each row in the source head; -1 takes no part in its loss.
    """

    images: ImageSet
    pools: Pools
    labels: np.ndarray


class Domain(NamedTuple):
    """Target or source: its images, its labels (int32 [N] or [N, C] in host memory), its stream of random numbers."""

    images: ImageSet
    labels: tf.Tensor
    stream: int


class Drawn(NamedTuple):
    """What was drawn for M images.

    Attributes:
        row: int32 [M].
        seed: int64 [M, 2].
        choice: int32 [M, 4], see `Augmentation.choose`.
        label: int32 [M]; [M, C] of images that may have several labels.
    """

    row: tf.Tensor
    seed: tf.Tensor
    choice: tf.Tensor
    label: tf.Tensor


def source_row_at(position: tf.Tensor, target_row: tf.Tensor, pools: Pools, seed: int) -> tf.Tensor:
    """One row of the target image's own pool, drawn uniformly (paper section 3.1), or what it is exchanged for.

    Args:
        position: int64, scalar or vector.
        target_row: int32 of the same shape, drawn there.
        pools: the rows to draw from.
        seed: the run's seed.

    Returns:
        int32 rows of the same shape.
    """
    start, length = tf.gather(pools.starts, target_row), tf.gather(pools.lengths, target_row)
    row = tf.gather(pools.rows, start + philox.integers(_seed_at(position, seed, _NEIGHBOR), length))
    if pools.exchange is None:
        return row
    stays = _fraction_at(position, seed, _STAYS) < tf.gather(pools.exchange.stays, row)
    fraction = tf.reshape(_fraction_at(position, seed, _EXCHANGED), [-1])
    place = tf.searchsorted(pools.exchange.cumulative, fraction, side="right")
    return tf.where(stays, row, tf.reshape(tf.gather(pools.exchange.rows, place), tf.shape(row)))


def joint_dataset(
    target: ImageSet,
    source: SourceStream | None,
    augmentation: Augmentation,
    plan: BatchPlan,
    *,
    seed: int,
    composition: BatchComposition | None = None,
    mixing: Mixing | None = None,
) -> tf.data.Dataset:
    """Batches for `plan.steps` training steps, beginning at the run's global step `plan.first_step`.

    Args:
        target: the target training images.
        source: what is borrowed; None trains on the target alone.
        augmentation: what is done to every training image.
        plan: which steps, of how many target images, and whose part of them.
        seed: the run's seed.
        composition: hard images drawn more often and few images of a class in a batch; None (default): neither.
        mixing: mixes the target images of each element (the part of a micro-batch that one replica has) with each
            other; None (default): nothing does.

    Returns:
        Dataset of `(images float32 [2b, H, W, 3], {"target": int32 [2b], "source": int32 [2b]})`, the target half
        first, label -1 where a row is of the other domain; b is B / replicas. One element a step and local replica:
        those of a step come in turn, and over all replicas they are the rows of the whole batch. With more than one
        micro-batch everything has a leading axis of length A. Without a source: b rows and the key "target".
        "target" is int32 [..., C] of 0 and 1 where target images may have several labels.
        With `mixing` also "partner" int32, labels of the target images that were mixed in, and "share" float32 in
        [0, 1], how much "target" counts against it; -1 and 1 in source rows.

    Raises:
        InputError: the batch cannot be divided or made up so, or there is nothing in it to mix with.
    """
    plan.check()
    if mixing is not None and plan.per_replica < 2:
        raise InputError(
            f"--mixup and --cutmix mix the target images that a device has of a batch, which is 1 of "
            f"--batch_size={plan.batch_size}. Take a larger --batch_size, or leave them out"
        )
    domains = [Domain(target, on_cpu(target.truth.astype(np.int32)), _TARGET_VIEW)]
    pools = None
    if source is not None:
        # Made here, in host memory, and not inside the functions below, whose graphs would carry them as text.
        domains.append(Domain(source.images, on_cpu(source.labels.astype(np.int32)), _SOURCE_VIEW))
        rows, starts, lengths, exchange = source.pools
        exchange = None if exchange is None else Exchange(*map(on_cpu, exchange))
        pools = Pools(on_cpu(rows), on_cpu(starts), on_cpu(lengths), exchange)

    order, begun = None, 0
    if composition is not None and not composition.plain:
        begun = composition.first_step * plan.accumulate * plan.batch_size
        count = (plan.first_step + plan.steps) * plan.accumulate * plan.batch_size - begun
        rows_of_round = round_order(
            target.labels, composition, batch_size=plan.batch_size, first=begun, count=count, seed=seed
        )
        order = on_cpu(rows_of_round)

    def draw(elements: tf.Tensor) -> tuple[Drawn, ...]:
        position = plan.positions(elements)
        row = target_row_at(position, len(target), seed) if order is None else tf.gather(order, position - begun)
        rows = [row] if pools is None else [row, source_row_at(position, row, pools, seed)]
        drawn = []
        for domain, row in zip(domains, rows, strict=True):
            seeds = _seed_at(position, seed, domain.stream)
            drawn.append(Drawn(row, seeds, augmentation.choose(philox.uniforms(seeds)), tf.gather(domain.labels, row)))
        return tuple(drawn)

    def load(*drawn: Drawn) -> tuple[tuple[tf.Tensor, ...], ...]:
        halves: list[tuple[tf.Tensor, ...]] = [
            (augmentation.apply(domain.images.load(one.row), one.choice, one.seed), one.label)
            for domain, one in zip(domains, map(Drawn._make, drawn), strict=True)
        ]
        if mixing is not None:
            halves[0] += (Drawn._make(drawn[0]).seed,)
        return tuple(halves)

    # What is drawn is drawn for many images at once, decoding and augmenting run in parallel an example at a time, and
    # only small batches of finished images wait.
    together = max(1, _DRAWN_TOGETHER // (plan.per_replica * plan.accumulate))
    examples = tf.data.Dataset.range(plan.elements).batch(together).map(draw).unbatch()
    examples = examples.map(load, tf.data.AUTOTUNE, deterministic=True).batch(plan.per_replica, drop_remainder=True)
    if mixing is not None:
        examples = examples.map(functools.partial(_mixed, mixing), tf.data.AUTOTUNE, deterministic=True)
    if plan.accumulate > 1:
        examples = examples.batch(plan.accumulate, drop_remainder=True)
    counted = examples.map(_joined).apply(tf.data.experimental.assert_cardinality(plan.elements))
    return untuned(counted.prefetch(2))


def _mixed(mixing: Mixing, target: tuple[tf.Tensor, ...], *source: tuple[tf.Tensor, ...]) -> tuple[Any, ...]:
    """The halves of a batch with the target's images mixed: images, labels, partners and shares of it."""
    images, labels, seeds = target
    return (mixing(images, labels, seeds[0]), *source)  # its first image's seed is the batch's


def _joined(*halves: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """One batch of the domains' halves, each images and labels, the labels of the other domain's rows set to -1.

    What a mixed target has beside them, partners and shares, goes along.
    """
    axis = len(halves[0][0].shape) - 4
    images = tf.concat([tf.cast(half[0], tf.float32) for half in halves], axis)
    labels = dict(zip(("target", "partner", "share"), halves[0][1:], strict=False))
    if len(halves) == 1:
        return images, labels
    source = halves[1][1]
    beside = {"target": -1, "partner": -1, "share": 1.0}
    rows = tf.shape(labels["target"])[: axis + 1]
    both = {}
    for name, own in labels.items():
        each = tf.shape(own)[axis + 1 :]  # of several labels one a class
        both[name] = tf.concat([own, tf.fill(tf.concat([tf.shape(source), each], 0), beside[name])], axis)
    return images, both | {"source": tf.concat([tf.fill(rows, -1), source], axis)}


def _seed_at(position: tf.Tensor, seed: int, stream: int) -> tf.Tensor:
    """int64 [..., 2]."""
    position = tf.cast(position, tf.int64)
    return tf.stack([tf.fill(tf.shape(position), tf.constant(seed * 8 + stream, tf.int64)), position], -1)


def _fraction_at(position: tf.Tensor, seed: int, stream: int) -> tf.Tensor:
    """float64 in [0, 1), with all its 53 bits: large sources have too many rows for fewer."""
    numbers = philox.integers(
        _seed_at(position, seed, stream), tf.fill(tf.shape(position), tf.constant(2**53, tf.int64))
    )
    return tf.cast(numbers, tf.float64) * 2.0**-53
