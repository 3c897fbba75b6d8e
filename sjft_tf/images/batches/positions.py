"""Where in the whole run an example stands, and which examples a device is given.

A position is the number of target images drawn before in the whole run; all that is random follows from it and seed.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from sjft_tf.errors import InputError


class BatchShard(NamedTuple):
    """The part of every batch that this process feeds to its devices.

    Attributes:
        replicas: devices that share a batch, in all processes together.
        first: number of this process's first device among them, from 0.
        local: how many devices this process feeds, at least 1.
    """

    replicas: int
    first: int
    local: int


WHOLE_BATCH = BatchShard(replicas=1, first=0, local=1)


class BatchPlan(NamedTuple):
    """How positions are cut into steps, micro-batches and devices' parts.

    A step takes `accumulate` micro-batches of `batch_size` positions one after the other; of each micro-batch replica r
    has the r-th of `shard.replicas` equal parts.

    Attributes:
        batch_size: B, target images of a micro-batch, all replicas together.
        first_step: global step the first batch belongs to.
        steps: number of steps.
        shard: the devices that this process feeds, of all that share each batch. Default: one has it all.
        accumulate: A, micro-batches a step (default 1); the next A * B positions in order.
    """

    batch_size: int
    first_step: int
    steps: int
    shard: BatchShard = WHOLE_BATCH
    accumulate: int = 1

    def check(self) -> BatchPlan:
        """Returns self.

        Raises:
            InputError: the batch cannot be divided among the replicas, or there are no such replicas.
        """
        replicas, first, local = self.shard
        if self.batch_size < 1 or self.accumulate < 1:
            raise InputError(
                f"A step needs at least one micro-batch of one image. Received: accumulate={self.accumulate}, "
                f"batch_size={self.batch_size}"
            )
        if local < 1 or not 0 <= first <= first + local <= replicas:
            raise InputError(f"`shard` must name at least one of its replicas, counted from 0. Received: {self.shard}")
        if self.batch_size % replicas:
            raise InputError(
                f"A batch of {self.batch_size} target images cannot be divided equally among {replicas} devices. "
                "Choose a batch size that is a multiple of their number."
            )
        return self

    @property
    def per_replica(self) -> int:
        """b: target images that one replica has of a micro-batch."""
        return self.batch_size // self.shard.replicas

    @property
    def elements(self) -> int:
        """Number of elements of the dataset: one a step and local replica."""
        return self.steps * self.shard.local

    def positions(self, elements: tf.Tensor) -> tf.Tensor:
        """The positions in some elements of the dataset, one element after the other.

        Args:
            elements: int64 [E], from 0; the local replicas take turns, then comes the next step.

        Returns:
            int64 [E * A * b], ascending within an element, its micro-batches one after the other.
        """
        elements, local = elements[:, None, None], self.shard.local
        start = (self.first_step + elements // local) * self.accumulate * self.batch_size
        replica = self.shard.first + elements % local
        micro = tf.range(self.accumulate, dtype=tf.int64)[:, None] * self.batch_size
        own = replica * self.per_replica + tf.range(self.per_replica, dtype=tf.int64)
        return tf.reshape(start + micro + own, [-1])
